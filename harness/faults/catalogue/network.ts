import type { KindCluster } from "#harness/cluster/kind/kind-cluster.ts";
import type { KindNode } from "#harness/cluster/kind/kind-node.ts";
import { loadBalancerIp } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import type { Fault, FaultContext } from "../fault.ts";
import { routeBlackholed } from "./routing.ts";
import { dropIn, dropOut, type Rule, setRules } from "./rules.ts";
import { kindClusterAt, victimNode } from "./victim.ts";

const vxlan = ["-p", "udp", "--dport", "8472"];
const health = ["-p", "tcp", "--dport", "4240"];
const ping = ["-p", "icmp", "--icmp-type", "echo-request"];

interface NodeFault {
  readonly pick: (ctx: FaultContext) => Promise<KindNode>;
  readonly rules: (node: KindNode) => readonly Rule[];
  readonly blocks: "tunnel" | "health";
}

/** A fault on one node, given by its rules. Tunnels always carry traffic; health probes are rare. */
function onOneNode(name: string, does: string, { pick, rules, blocks }: NodeFault): Fault {
  return {
    name,
    group: "network",
    wide: blocks === "tunnel",
    does,
    async inject(ctx) {
      const node = await pick(ctx);
      return setRules(ctx, rules(node), {
        subject: `node ${node.name}`,
        names: [node.name],
        rare: blocks === "health",
        sparesConnections: blocks === "health",
      });
    },
  };
}

const reset = (node: KindNode, chain: Rule["chain"], match: readonly string[]): Rule => ({
  node,
  table: "filter",
  chain,
  match,
  jump: ["REJECT", "--reject-with", "tcp-reset"],
});

export const networkFaults: readonly Fault[] = [
  onOneNode(
    "vxlan-drop",
    "drops UDP 8472 that arrives at the first cluster's worker, so no tunnelled traffic reaches it",
    { pick: (h) => victimNode(h, 0), rules: (node) => [dropIn(node, vxlan)], blocks: "tunnel" },
  ),
  onOneNode(
    "vxlan-drop-out",
    "drops UDP 8472 that leaves the second cluster's worker, in that direction only",
    {
      pick: (h) => victimNode(h, 1),
      rules: (node) => [dropOut(node, vxlan)],
      blocks: "tunnel",
    },
  ),
  onOneNode(
    "vxlan-loss",
    "drops four of five UDP 8472 packets that arrive at the second cluster's worker (statistic match)",
    {
      pick: (h) => victimNode(h, 1),
      rules: (node) => [
        dropIn(node, [...vxlan, "-m", "statistic", "--mode", "random", "--probability", "0.8"]),
      ],
      blocks: "tunnel",
    },
  ),
  onOneNode(
    "vxlan-large-drop",
    "drops UDP 8472 packets over 1,300 bytes that arrive at the second cluster's worker, as a path with a lower MTU does",
    {
      pick: (h) => victimNode(h, 1),
      rules: (node) => [dropIn(node, [...vxlan, "-m", "length", "--length", "1301:65535"])],
      blocks: "tunnel",
    },
  ),
  {
    name: "vxlan-drop-pair",
    group: "network",
    wide: true,
    does: "drops UDP 8472 between the two clusters' workers, in both directions",
    async inject(ctx) {
      const [a, b] = [await victimNode(ctx, 0), await victimNode(ctx, 1)];
      return setRules(ctx, [dropIn(a, [...vxlan, "-s", b.address]), dropIn(b, [...vxlan, "-s", a.address])], {
        subject: `nodes ${a.name} and ${b.name}`,
        names: [a.name, b.name],
      });
    },
  },
  onOneNode(
    "health-drop",
    "drops TCP 4240 that arrives at the first cluster's worker, so its health responder is unreachable",
    { pick: (h) => victimNode(h, 0), rules: (node) => [dropIn(node, health)], blocks: "health" },
  ),
  onOneNode("health-reject", "rejects TCP 4240 at the second cluster's control plane node", {
    pick: (h) => kindClusterAt(h, 1).controlPlane(),
    rules: (node) => [reset(node, "INPUT", health)],
    blocks: "health",
  }),
  onOneNode("icmp-drop", "drops ICMP echo requests that arrive at the second cluster's worker", {
    pick: (h) => victimNode(h, 1),
    rules: (node) => [dropIn(node, ping)],
    blocks: "health",
  }),
  apiserverPort("apiserver-port-drop", 0, 1, "drops"),
  apiserverPort("apiserver-port-drop-back", 1, 0, "drops"),
  apiserverPort("apiserver-port-reject", 0, 1, "refuses"),
  routeBlackholed,
  partition("partition", "drops all traffic between the two clusters, in both directions", true),
  partition("partition-one-way", "drops all traffic from the second cluster to the first", false),
];

function partition(name: string, does: string, bothWays: boolean): Fault {
  return {
    name,
    group: "network",
    wide: true,
    does,
    async inject(ctx) {
      const [here, there] = [kindClusterAt(ctx, 0), kindClusterAt(ctx, 1)];
      const rules = [...(await cut(here, there)), ...(bothWays ? await cut(there, here) : [])];
      const names = [here.name, there.name];
      return setRules(ctx, rules, { subject: `clusters ${names.join(" and ")}`, names });
    },
  };
}

/**
 * Blocks what one cluster sends to another: to the addresses of its nodes, and to the LoadBalancer address of its
 * clustermesh-apiserver.
 */
export async function cut(to: KindCluster, from: KindCluster): Promise<Rule[]> {
  const sources = [...(await from.nodes()).map((n) => n.address), ...(await apiserverAddress(from))];
  const targets = await apiserverAddress(to);
  return [
    ...(await to.nodes()).flatMap((n) => sources.map((ip) => dropIn(n, ["-s", ip]))),
    // Traffic from pods to the other cluster's LoadBalancer address is blocked at the source nodes.
    ...(await from.nodes()).flatMap((n) => targets.map((ip) => dropIn(n, ["-d", ip]))),
  ];
}

/** The same for tunnelled traffic only. */
export async function cutTunnels(to: KindCluster, from: KindCluster): Promise<Rule[]> {
  const sources = (await from.nodes()).map((n) => n.address);
  return (await to.nodes()).flatMap((n) => sources.map((ip) => dropIn(n, [...vxlan, "-s", ip])));
}

/** The LoadBalancer address of a cluster's clustermesh-apiserver, if it has one. */
async function apiserverAddress(cluster: KindCluster): Promise<string[]> {
  const service = await cluster.kube.get(kinds.service, "kube-system", "clustermesh-apiserver");
  const ip = loadBalancerIp(service);
  return ip === undefined ? [] : [ip];
}

/** Cuts KVStoreMesh of one cluster from the other's clustermesh-apiserver; its cache keeps what it knows. */
function apiserverPort(name: string, of: number, to: number, how: "drops" | "refuses"): Fault {
  return {
    name,
    group: "network",
    needs: "clustermesh-apiserver",
    does: `${how} TCP from the ${of === 0 ? "first" : "second"} cluster to the clustermesh-apiserver of the other`,
    async inject(ctx) {
      const from = kindClusterAt(ctx, of);
      const target = kindClusterAt(ctx, to);
      const rules = await (how === "drops" ? cutControlPlane : refuseControlPlane)(from, target);
      return setRules(ctx, rules, {
        subject: `the connection from ${from.name} to the clustermesh-apiserver of ${target.name}`,
        names: [target.name],
        // An idle etcd connection sends a packet only every 15 s.
        rare: true,
      });
    },
  };
}

/** Where the other clusters reach a cluster's clustermesh-apiserver. */
async function apiserverPlaces(
  target: KindCluster,
): Promise<readonly { readonly address: string; readonly port: string }[]> {
  const [ip] = await apiserverAddress(target);
  return ip === undefined
    ? (await target.nodes()).map((n) => ({ address: n.address, port: "32379" }))
    : [{ address: ip, port: "2379" }];
}

/** Blocks connections from one cluster to another's clustermesh-apiserver. */
export async function cutControlPlane(from: KindCluster, target: KindCluster): Promise<Rule[]> {
  // Responses too, or data requested earlier would still arrive.
  const matches = (await apiserverPlaces(target)).flatMap(({ address, port }) => [
    ["-p", "tcp", "-d", address, "--dport", port],
    ["-p", "tcp", "-s", address, "--sport", port],
  ]);
  return (await from.nodes()).flatMap((n) => matches.map((m) => dropIn(n, m)));
}

/** Rejects these connections with a reset, for pods and for the nodes' own processes. */
async function refuseControlPlane(from: KindCluster, target: KindCluster): Promise<Rule[]> {
  const places = await apiserverPlaces(target);
  return (await from.nodes()).flatMap((node) =>
    places.flatMap(({ address, port }) =>
      (["FORWARD", "OUTPUT"] as const).map((chain) =>
        reset(node, chain, ["-p", "tcp", "-d", address, "--dport", port]),
      ),
    ),
  );
}
