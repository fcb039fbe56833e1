import { expect, test } from "vitest";
import { meshLines } from "./mesh-log.ts";
import { readRefusals, refusalLines } from "./refusal-log.ts";

const refused = (at: string, resource: string): string =>
  `2026-11-28T${at}.5Z time=2026-11-28T${at}.5Z level=error msg=k8sError error="failed to list: ${resource}.cilium.io is forbidden: User \\"system:serviceaccount:kube-system:clustermesh-apiserver\\" cannot list resource \\"${resource}\\" in API group \\"cilium.io\\" at the cluster scope"`;
const peer =
  '2026-11-28T16:40:00Z level=info msg="Connection to remote cluster established" clusterName=west';
const other = '2026-11-28T16:40:00Z level=info msg="Endpoint regenerated" endpointID=7';

const log = [
  refused("16:41:00", "ciliumendpoints"),
  peer,
  other,
  refused("16:41:30", "ciliumnodes"),
  refused("16:42:00", "ciliumendpoints"),
  `${refused("16:43:00", "ciliumnodes")}${"x".repeat(9000)}`,
].join("\n");

test("of the requests that were refused for one reason the last counts", () => {
  expect(readRefusals(log)).toEqual([
    {
      text: expect.stringMatching(/^User "system:.*" cannot list resource "ciliumendpoints"/),
      times: 2,
      atMs: Date.parse("2026-11-28T16:42:00.5Z"),
    },
    {
      text: expect.stringContaining('"ciliumnodes"'),
      times: 1,
      atMs: Date.parse("2026-11-28T16:41:30.5Z"),
    },
  ]);
  expect(readRefusals(`${peer}\n${other}\n`)).toEqual([]);
});

test("refusals of another time do not add up with those of now", () => {
  const apart = ["09:00:00", "12:00:00", "16:41:00", "16:42:00"].map((at) => refused(at, "ciliumnodes"));
  expect(readRefusals(apart.join("\n"))).toMatchObject([{ times: 2 }]);
});

test("only these lines are kept, beside those about peers in the logs of agents and KVStoreMesh", () => {
  expect(refusalLines(log).split("\n")).toHaveLength(3);
  expect(meshLines(log).split("\n")).toHaveLength(4);
  expect(readRefusals(meshLines(log))).toEqual(readRefusals(log));
});
