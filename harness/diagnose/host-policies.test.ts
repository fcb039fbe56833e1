import { describe, expect, test } from "vitest";
import type { AgentState, ClusterSnapshot, PolicyObject } from "#harness/model/mesh-snapshot.ts";
import { causesOf, east, meshWith, ok, west, withSettings } from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

const policy = (spec: Record<string, unknown>): PolicyObject => ({
  ...{ kind: "CiliumClusterwideNetworkPolicy", namespace: "", name: "lock-down" },
  specs: [{ nodeSelector: { matchLabels: { type: "worker" } }, ...spec }],
  paths: ["spec"],
});
const path = (status: string) => ({ status, latencyNs: 1, lastProbed: "" });
/** What an agent says of a node: whether it answers, and its health endpoint. */
const sees = (name: string, host: string, endpoint: string) => ({
  name,
  host: { ip: "172.18.0.9", icmp: path(host), http: path("") },
  endpoint: { ip: "10.0.0.9", icmp: path(endpoint), http: path(endpoint) },
});
const reporting = (
  cluster: ClusterSnapshot,
  local: string,
  ...nodes: readonly ReturnType<typeof sees>[]
): AgentState[] =>
  cluster.agents.map((a) => ({
    ...a,
    health: ok({ local, timestamp: "", probeIntervalMs: 0, nodes: [...nodes] }),
  }));
const worker = ok((east.nodes.ok ? east.nodes.value : []).map((n) => ({ ...n, labels: { type: "worker" } })));
const hardened = (
  spec: Record<string, unknown>,
  over: Partial<ClusterSnapshot> = {},
  settings: Readonly<Record<string, string>> = {},
): Partial<ClusterSnapshot> => ({
  config: withSettings(east, { "enable-host-firewall": "true", ...settings }).config,
  nodes: worker,
  policyObjects: ok([policy(spec)]),
  ...over,
});
const ssh = {
  toPorts: [
    {
      ports: [
        { port: "22", protocol: "TCP" },
        { port: "4240", protocol: "TCP" },
      ],
    },
  ],
};
const closed = { ingress: [{ fromEntities: ["kube-apiserver", "health"] }, ssh] };
const lost = {
  agents: reporting(west, "west/node-2", sees("east/node-1", "timeout", "timeout")),
};
const ids = (of: Partial<ClusterSnapshot>, by: Partial<ClusterSnapshot> = lost): string[] =>
  causesOf(meshWith(of, by)).map((f) => `${f.id} ${f.severity}`);

test("a label that the filter leaves out selects no node", () => {
  const zone = { "topology.kubernetes.io/zone": "a" };
  const nodes = ok((east.nodes.ok ? east.nodes.value : []).map((n) => ({ ...n, labels: zone })));
  const policyObjects = ok([policy({ ...closed, nodeSelector: { matchLabels: zone } })]);
  expect(ids(hardened(closed, { nodes, policyObjects })).filter((id) => id.startsWith("policy"))).toEqual([]);
});

describe("a host policy without the entity remote-node and the tunnel's port", () => {
  test("is named first, and nodes that are unreachable because of it are its effects", () => {
    const agents = reporting(east, "east/node-1", sees("west/node-2", "", "timeout"));
    const [first, ...effects] = causesOf(meshWith(hardened(closed, { agents }), lost));
    expect(first).toMatchObject({
      id: "policy-shuts-off-node",
      severity: "broken",
      cluster: "east",
      message:
        "CiliumClusterwideNetworkPolicy lock-down of east (host firewall) selects node node-1 and lets neither the entity remote-node nor UDP 8472 in: tunnelled packets from the nodes of west (172.18.0.2) are dropped there, so the pods on node-1 and those of west do not reach each other",
    });
    const commands = first === undefined ? [] : remedyCommands(first, ["east", "west"]);
    expect(commands.map((c) => c.text)).toEqual([
      `kubectl patch ciliumclusterwidenetworkpolicy/lock-down --type json -p '[{"op":"add","path":"/spec/ingress/-","value":{"fromEntities":["remote-node"]}}]'`,
    ]);
    expect(effects.map((f) => [f.subject, f.message.replace(/^.*: /, "")])).toEqual([
      ["node east/node-1", "an effect of CiliumClusterwideNetworkPolicy lock-down of east"],
      ["node west/node-2", "an effect of CiliumClusterwideNetworkPolicy lock-down of east"],
    ]);
  });

  test("also of egress, and by a denial", () => {
    const egress = { egress: [{ toEntities: ["kube-apiserver"] }] };
    expect(ids(hardened(egress))[0]).toBe("policy-shuts-off-node broken");
    const denied = { ingress: [{ fromEntities: ["all"] }], ingressDeny: [{ fromEntities: ["remote-node"] }] };
    expect(ids(hardened(denied))[0]).toBe("policy-shuts-off-node broken");
  });

  test("with CIDRs says why they do not count, and names the port in use", () => {
    const spec = { ingress: [{ fromCIDR: ["172.18.0.0/16"] }] };
    const message = (settings: Readonly<Record<string, string>>): string | undefined =>
      causesOf(meshWith(hardened(spec, {}, settings), lost)).find((f) => f.id === "policy-shuts-off-node")
        ?.message;
    expect(message({ "tunnel-protocol": "geneve" })).toContain(
      "nor UDP 6081 in; CIDRs and the entity world do not mean nodes of the mesh",
    );
    expect(message({ "enable-wireguard": "true" })).toContain("UDP 51871");
  });

  test("is suspect where health is not known, and nothing where it is well", () => {
    expect(ids(hardened(closed), {})).toEqual(["policy-shuts-off-node suspect"]);
    const agents = reporting(west, "west/node-2", sees("east/node-1", "", ""));
    expect(ids(hardened(closed), { agents })).toEqual([]);
  });
});

test("TCP 4240 alone is a matter of health checks", () => {
  const spec = { ingress: [{ toPorts: [{ ports: [{ port: "8472", protocol: "UDP" }] }] }] };
  expect(ids(hardened(spec), {})).toEqual(["policy-shuts-off-health suspect"]);
  expect(ids(hardened(spec, {}, { "enable-health-checking": "false" }), {})).toEqual([]);
});

test("what lets the nodes in, selects none, or is not in force, is no finding", () => {
  expect(ids(hardened({ ingress: [{ fromEntities: ["cluster"] }] }), {})).toEqual([]);
  expect(ids(hardened(closed, { nodes: east.nodes }), {})).toEqual([]);
  expect(ids(hardened(closed, {}, { "enable-host-firewall": "false" }), {})).toEqual([]);
  expect(ids(hardened(closed, {}, { "policy-audit-mode": "true" }), {})).toEqual([]);
  expect(ids(hardened(closed, {}, { "routing-mode": "native" }), {})).toEqual(
    ids({ config: withSettings(east, { "routing-mode": "native" }).config }, {}),
  );
});
