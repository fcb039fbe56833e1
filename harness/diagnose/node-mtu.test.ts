import { expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { Neighbours } from "#harness/model/node-network.ts";
import { causesOf, east, meshWith, ok, west, withSettings } from "./healthy-mesh.ts";
import { nodeMtus } from "./node-mtu.ts";
import { remedyCommands } from "./remedy-commands.ts";

/** What a node has: its address on eth0, and another device. */
const inside = (ip: string, mtu: number, routeMtu: number): Neighbours => ({
  ...{ permanent: [], own: [], routeMtu },
  devices: [
    { name: "eth0", ips: [ip], prefixes: [`${ip}/16`], mtu },
    { name: "tun0", ips: ["10.77.0.1"], prefixes: ["10.77.0.1/24"], mtu: 1280 },
  ],
});

/** Nodes of a cluster by their MTUs. */
function withNodes(
  of: ClusterSnapshot,
  id: number,
  mtus: readonly number[],
  settings: Readonly<Record<string, string>> = {},
): Partial<ClusterSnapshot> {
  const nodes = mtus.map((mtu, i) => ({
    mtu,
    node: { name: `${of.name}-${i}`, address: `172.18.${id}.${i + 1}`, podCidr: "", ready: true },
  }));
  return {
    config: withSettings(of, settings).config,
    nodes: ok(nodes.map((n) => n.node)),
    nodeStates: nodes.map(({ mtu, node: { name, address } }) => ({
      ...{ node: name, rules: ok([]), stopped: [] },
      neighbours: ok(inside(address, mtu, mtu - 50)),
    })),
  };
}

const found = (
  ofEast: readonly number[],
  ofWest: readonly number[],
  settings: Parameters<typeof withNodes>[3] = {},
) => nodeMtus(meshWith(withNodes(east, 1, ofEast, settings), withNodes(west, 2, ofWest, settings)));

test("clusters whose nodes detect different MTUs are named with both, and get one value", () => {
  const [finding, ...others] = found([9001, 9001], [1500]);
  expect(others).toEqual([]);
  expect(finding).toMatchObject({
    ...{ id: "node-mtu-differs", severity: "suspect", layer: "configuration", cluster: "east" },
    message: expect.stringMatching(
      /^MTUs of nodes differ: east-0 and east-1 of east have MTU 9001 \(eth0; routes to pods of other nodes 8951\) and west-0 of west has MTU 1500 \(eth0; routes to pods of other nodes 1450\); packets of more than 1500 bytes/,
    ),
  });
  const commands = finding === undefined ? [] : remedyCommands(finding, ["east", "west"]);
  expect(commands.map((c) => [c.cluster, c.argv[0], c.argv.at(-1)])).toEqual([
    ["east", "helm", "MTU=1500"],
    ["east", "kubectl", "daemonset/cilium"],
    ["west", "helm", "MTU=1500"],
    ["west", "kubectl", "daemonset/cilium"],
  ]);
});

test("nodes of one cluster that differ among themselves", () => {
  const mesh = meshWith(withNodes(east, 1, [1500, 8900, 1500]), withNodes(west, 2, [1500]));
  expect(causesOf(mesh).filter((f) => f.id === "node-mtu-differs")).toMatchObject([
    {
      cluster: "east",
      message: expect.stringMatching(
        /: east-1 of east has MTU 8900 .*, east-0 and east-2 of east have MTU 1500 .* and west-0 of west has MTU 1500 /,
      ),
    },
  ]);
});

test("one MTU, and one setting that every node takes, are no finding", () => {
  expect(found([1500, 1500], [1500])).toEqual([]);
  expect(found([9001], [1500], { mtu: "1400" })).toEqual([]);
  expect(found([9001], [])).toEqual([]);
});

test("a setting that a node's device does not take", () => {
  expect(found([9001], [1500], { mtu: "9001" })).toMatchObject([
    {
      message: expect.stringContaining(
        "west-0 of west has MTU 1500 (eth0; routes to pods of other nodes 1450; the setting mtu is 9001)",
      ),
    },
  ]);
});

test("where the setting itself differs, that is the finding", () => {
  const mesh = meshWith(withNodes(east, 1, [9001], { mtu: "9001" }), withNodes(west, 2, [1500]));
  expect(nodeMtus(mesh)).toEqual([]);
  expect(causesOf(mesh).map((f) => [f.id, f.subject])).toContainEqual(["setting-differs", "mtu"]);
});

test("nodes whose devices were not read, or have no MTU (evidence of earlier versions), are not judged", () => {
  const { nodeStates = [], ...rest } = withNodes(east, 1, [9001]);
  const without = nodeStates.map((n) => ({
    ...n,
    neighbours: ok({ permanent: [], own: [], devices: [{ name: "eth0", ips: ["172.18.1.1"] }] }),
  }));
  const west1500 = withNodes(west, 2, [1500]);
  expect(nodeMtus(meshWith({ ...rest, nodeStates: without }, west1500))).toEqual([]);
  expect(nodeMtus(meshWith({ ...rest, nodeStates: [] }, west1500))).toEqual([]);
});
