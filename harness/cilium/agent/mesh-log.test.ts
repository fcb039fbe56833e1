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
