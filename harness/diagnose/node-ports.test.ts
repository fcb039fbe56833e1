import { expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { causesOf, meshWith, ok, remote, west, withSettings } from "./healthy-mesh.ts";
import { nodePorts } from "./node-ports.ts";

const lost = {
  peers: ok({
    agents: { west: ["https://clustermesh-apiserver.kube-system.svc:2379"] },
    kvstoreMesh: { west: ["https://172.18.0.2:32379"] },
  }),
  kvstoreMesh: ok([remote("west", 2, false)]),
  kvstoreMeshTrouble: ok([
    {
      peer: "west",
      step: "Cannot establish TCP connection to 172.18.0.2:32379: dial tcp 172.18.0.2:32379: connect: connection refused",
    },
  ]),
};
const serving = (frontends: readonly string[], of: ClusterSnapshot = west): Partial<ClusterSnapshot> => ({
  config: of.config,
  agents: west.agents.map((a) => ({
    ...a,
    lbMaps: ok(new Map(frontends.map((f) => [f, ["10.2.0.6:2379/TCP"]]))),
  })),
});
const ofManagement = withSettings(west, { "nodeport-addresses": "10.20.0.0/16" });
const others = ["0.0.0.0:32379/TCP", "10.11.0.9:2379/TCP"];
const found = (over: Partial<ClusterSnapshot>, byEast: Partial<ClusterSnapshot> = lost) =>
  nodePorts(meshWith(byEast, over)).map((f) => [f.cluster, f.message, f.next]);

test("an address that nodeport-addresses leaves out is not served", () => {
  expect(found(serving(others, ofManagement))).toEqual([
    [
      "west",
      "KVStoreMesh of east contacts west at 172.18.0.2:32379, where Cilium of west serves no NodePort (node node-2): nodeport-addresses (10.20.0.0/16) leaves this address out; KVStoreMesh is not connected",
      expect.stringMatching(/--set nodePort\.addresses=null; kubectl .* restart daemonset\/cilium/),
    ],
  ]);
});

test("nor is another address than the one that Cilium selects", () => {
  expect(found(serving([...others, "192.168.0.2:32379/TCP"]))).toEqual([
    ["west", expect.stringContaining("there it is served at 192.168.0.2 only"), expect.anything()],
  ]);
});

test("a frontend, a map that was not read, kube-proxy and a connection are no finding", () => {
  expect(found(serving([...others, "172.18.0.2:32379/TCP"], ofManagement))).toEqual([]);
  expect(found({ config: ofManagement.config })).toEqual([]);
  expect(found(serving(others))).toEqual([]);
  const proxied = withSettings(ofManagement, { "kube-proxy-replacement": "false" });
  expect(found(serving(others, proxied))).toEqual([]);
  expect(found(serving(others, ofManagement), { ...lost, kvstoreMesh: ok([remote("west", 2)]) })).toEqual([]);
});

test("it comes before the connection, whose remedy it is", () => {
  const all = causesOf(meshWith(lost, serving(others, ofManagement)));
  expect(all.map((f) => f.id).filter((id) => id !== "peer-not-ready")).toEqual([
    "node-port-not-served",
    "peer-unreachable",
  ]);
  expect(all.find((f) => f.id === "peer-unreachable")?.next).toBe(
    "correct the NodePort of clustermesh-apiserver of west first",
  );
});
