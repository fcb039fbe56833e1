import { expect, test } from "vitest";
import { meshLines, readMeshLog } from "./mesh-log.ts";

const line = (level: string, text: string, peer: string, rest = ""): string =>
  `2026-11-21T11:56:38.4Z time=2026-11-21T11:56:38.4Z level=${level} msg="${text}" module=agent.controlplane.clustermesh clusterName=${peer}${rest}`;

const log = [
  line("info", "Connecting to remote cluster", "west"),
  line(
    "warn",
    "Unable to establish etcd connection to remote cluster",
    "west",
    ' error="context deadline exceeded"',
  ),
  line("info", "Connection to remote cluster established", "west", " etcdClusterID=2f00fab1030cbae9"),
  'time=2026-11-21T11:56:39Z level=info msg="Endpoint regenerated" endpointID=7',
  line("info", "Connection to remote cluster established", "north"),
  line(
    "warn",
    "Error observed on etcd connection, reconnecting etcd",
    "north",
    ' error="etcdserver: no leader"',
  ),
].join("\n");

test("the last line about each peer counts, and says whether the connection is good", () => {
  expect(readMeshLog(log)).toEqual([
    { peer: "west", good: true, text: "Connection to remote cluster established" },
    {
      peer: "north",
      good: false,
      text: "Error observed on etcd connection, reconnecting etcd: etcdserver: no leader",
    },
  ]);
});

test("only lines about peers are kept as evidence", () => {
  expect(meshLines(log).split("\n")).toHaveLength(5);
});

test("JSON logs are read like text", () => {
  const lines = [
    '2026-11-21T09:28:50.2Z {"level":"info","msg":"Connection to remote cluster established","clusterName":"c2"}',
    '{"error":"dial \\"x\\": refused","msg":"Connection to remote cluster failed","clusterName":"c3","subsys":"a"}',
    '{"msg":"Connection to remote cluster failed","clusterName":7}',
    '{"msg":"not about a peer"}',
    '{"clusterName": broken}',
  ].join("\n");
  expect(meshLines(lines).split("\n")).toHaveLength(2);
  expect(readMeshLog(lines)).toEqual([
    { peer: "c2", good: true, text: "Connection to remote cluster established" },
    { peer: "c3", good: false, text: "Connection to remote cluster failed: dial 'x': refused" },
  ]);
});
