import { expect, test } from "vitest";
import type { AgentState, ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { causesOf, east, meshWith, ok } from "./healthy-mesh.ts";
import { nodeAddresses } from "./node-addresses.ts";
import { remedyCommands } from "./remedy-commands.ts";

const [agent] = east.agents;
const path = (isWell: boolean) => ({ status: isWell ? "" : "timeout", latencyNs: 1, lastProbed: "" });
const names = ["a", "b"] as const;
type Name = (typeof names)[number];

/** East with two nodes, of which b reaches a or not, by the addresses of a in its Node, its CiliumNode and its devices. */
function twoNodes({
  node = "172.18.0.11",
  ciliumNode = node,
  devices = [["eth0", "172.18.0.11/16"]],
  reached = true,
}: {
  readonly node?: string;
  readonly ciliumNode?: string;
  readonly devices?: readonly (readonly [string, string])[];
  readonly reached?: boolean;
}): Partial<ClusterSnapshot> {
  const addressOf = (name: Name): string => (name === "a" ? node : "172.18.0.12");
  const seen = (name: Name, ip: string, isWell: boolean) => ({
    name: `east/${name}`,
    host: { ip, icmp: path(isWell), http: path(isWell) },
    endpoint: { ip: "10.1.0.9", icmp: path(isWell), http: path(isWell) },
  });
  const agents = names.flatMap((name): AgentState[] =>
    agent === undefined
      ? []
      : [
          {
            ...agent,
            node: name,
            health: ok({
              ...{ local: `east/${name}`, timestamp: "", probeIntervalMs: 0 },
              nodes: [
                seen("a", ciliumNode, name === "a" || reached),
                seen("b", "172.18.0.12", name === "b" || reached),
              ],
            }),
          },
        ],
  );
  return {
    agents,
    containers: ok([]),
    nodes: ok(names.map((n) => ({ name: n, address: addressOf(n), podCidr: "", ready: true }))),
    ciliumNodes: ok(
      names.map((n) => ({
        ...{ name: n, podCidrs: [] },
        addresses: [{ type: "InternalIP", ip: n === "a" ? ciliumNode : addressOf(n) }],
      })),
    ),
    nodeStates: [
      {
        ...{ node: "a", rules: ok([]), stopped: [] },
        neighbours: ok({
          ...{ permanent: [], own: [] },
          devices: devices.map(([name, prefix]) => ({
            ...{ name, ips: [prefix.replace(/\/.*/, "")], prefixes: [prefix] },
          })),
        }),
      },
    ],
  };
}
const found = (over: Parameters<typeof twoNodes>[0]) => nodeAddresses(meshWith(twoNodes(over)));

test("a CiliumNode with another address than its Node is put right, and the paths that fail are its effect", () => {
  const [finding, ...others] = found({ ciliumNode: "172.18.0.99", reached: false });
  expect(others).toEqual([]);
  expect(finding).toMatchObject({
    ...{ id: "node-address-differs", severity: "broken", cluster: "east" },
    message:
      "CiliumNode a of east has the address 172.18.0.99, and its Node has 172.18.0.11, which is on eth0 of the node: all other nodes, in every cluster, use 172.18.0.99 for it",
  });
  const commands = finding === undefined ? [] : remedyCommands(finding, ["east", "west"]);
  expect(commands.map((c) => c.argv.slice(0, 3))).toEqual([
    ["kubectl", "patch", "ciliumnode/a"],
    ["kubectl", "-n", "kube-system"],
  ]);
  const all = causesOf(meshWith(twoNodes({ ciliumNode: "172.18.0.99", reached: false })));
  expect(all.map((f) => f.id)).toEqual(["node-address-differs"]);
});

const nat = [
  ["eth0", "172.18.0.11/16"],
  ["eth1", "10.0.2.15/24"],
] as const;

test("an InternalIP of another network that nobody reaches is the wrong one", () => {
  const wrong = { node: "10.0.2.15", devices: nat, reached: false };
  expect(found(wrong)).toMatchObject([
    {
      ...{ id: "node-internal-address", severity: "broken" },
      message:
        "east/a is announced by its InternalIP 10.0.2.15 (eth1), which no other node reaches; in the network of the other nodes (172.18.0.0/16) it has 172.18.0.11 (eth0): kubelet took the wrong address",
      next: expect.stringContaining("--node-ip=172.18.0.11; then kubectl"),
    },
  ]);
  expect(causesOf(meshWith(twoNodes(wrong))).map((f) => f.id)).toEqual(["node-internal-address"]);
});

test("a node that is reached, one without another address, and one that is down are no finding", () => {
  expect(found({})).toEqual([]);
  expect(found({ node: "10.0.2.15", devices: nat })).toEqual([]);
  expect(found({ node: "10.0.2.15", devices: [["eth1", "10.0.2.15/24"]], reached: false })).toEqual([]);
  expect(found({ reached: false })).toEqual([]);
});
