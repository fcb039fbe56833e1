import type { ClusterNode } from "#harness/cluster/kind-cluster.ts";
import { MeshproofError } from "#harness/core/errors.ts";
import { kinds } from "#harness/kube/kube.ts";
import type { Fault, Harm } from "./fault.ts";
import { dropIn, dropOut, type Rule, setRules } from "./rules.ts";

/** The last worker of the cluster at an index, or its only node. */
async function victim(harm: Harm, index: number): Promise<ClusterNode> {
  const nodes = await harm.mesh.clusters[index]!.nodes();
  const node = nodes.findLast((n) => n.role === "worker") ?? nodes[0];
  if (node === undefined)
    throw new MeshproofError(
      "fault-no-effect",
      `cluster ${harm.mesh.clusters[index]!.name} has no node to harm`,
    );
  return node;
}

async function controlPlane(harm: Harm, index: number): Promise<ClusterNode> {
  return (await harm.mesh.clusters[index]!.nodes()).find((n) => n.role === "control-plane")!;
}

const vxlan = ["-p", "udp", "--dport", "8472"];
const health = ["-p", "tcp", "--dport", "4240"];
const ping = ["-p", "icmp", "--icmp-type", "echo-request"];

/** A fault on one node: the rules alone differ. */
function onOneNode(
  name: string,
  does: string,
  pick: (harm: Harm) => Promise<ClusterNode>,
  rules: (node: string) => readonly Rule[],
  wide = false,
): Fault {
  return {
    name,
    group: "network",
    wide,
    does,
    async inject(harm) {
      const node = (await pick(harm)).name;
      return setRules(harm, rules(node), { subject: `node ${node}`, names: [node] });
    },
  };
}

const rejectIn = (node: string, match: readonly string[], how: string): Rule => ({
  node,
  table: "filter",
  chain: "INPUT",
  match,
  jump: ["REJECT", "--reject-with", how],
});

export const networkFaults: readonly Fault[] = [
  onOneNode(
    "vxlan-drop",
    "drops UDP 8472 that arrives at the first cluster's worker: tunnelled traffic reaches it no more",
    (h) => victim(h, 0),
    (node) => [dropIn(node, vxlan)],
    true,
  ),
  onOneNode(
    "vxlan-drop-out",
    "drops UDP 8472 that leaves the second cluster's worker, one way only",
    (h) => victim(h, 1),
    (node) => [dropOut(node, vxlan)],
    true,
  ),
  onOneNode(
    "vxlan-loss",
    "loses four of five UDP 8472 packets that arrive at the second cluster's worker (statistic match)",
    (h) => victim(h, 1),
    (node) => [dropIn(node, [...vxlan, "-m", "statistic", "--mode", "random", "--probability", "0.8"])],
    true,
  ),
  {
    name: "vxlan-drop-pair",
    group: "network",
    wide: true,
    does: "drops UDP 8472 between the two clusters' workers, both ways",
    async inject(harm) {
      const [a, b] = [await victim(harm, 0), await victim(harm, 1)];
      return setRules(
        harm,
        [dropIn(a.name, [...vxlan, "-s", b.address]), dropIn(b.name, [...vxlan, "-s", a.address])],
        { subject: `nodes ${a.name} and ${b.name}`, names: [a.name, b.name] },
      );
    },
  },
  onOneNode(
    "health-drop",
    "drops TCP 4240 that arrives at the first cluster's worker: its health responder is out of reach",
    (h) => victim(h, 0),
    (node) => [dropIn(node, health)],
  ),
  onOneNode(
    "health-reject",
    "refuses TCP 4240 at the second cluster's control plane node",
    (h) => controlPlane(h, 1),
    (node) => [rejectIn(node, health, "tcp-reset")],
  ),
  onOneNode(
    "icmp-drop",
    "drops ICMP echo requests that arrive at the second cluster's worker",
    (h) => victim(h, 1),
    (node) => [dropIn(node, ping)],
  ),
  apiserverPortDrop("apiserver-port-drop", 0, 1),
  apiserverPortDrop("apiserver-port-drop-back", 1, 0),
  {
    name: "partition",
    group: "network",
    wide: true,
    does: "drops everything between the nodes of the two clusters, both ways",
    async inject(harm) {
      const [here, there] = await bothSides(harm);
      const rules = here.flatMap((node) =>
        there.flatMap((peer) => [
          dropIn(node.name, ["-s", peer.address]),
          dropOut(node.name, ["-d", peer.address]),
        ]),
      );
      const names = harm.mesh.clusters.slice(0, 2).map((c) => c.name);
      return setRules(harm, rules, { subject: `clusters ${names.join(" and ")}`, names });
    },
  },
  {
    name: "partition-one-way",
    group: "network",
    wide: true,
    does: "drops what the second cluster's nodes send to those of the first",
    async inject(harm) {
      const [here, there] = await bothSides(harm);
      const names = harm.mesh.clusters.slice(0, 2).map((c) => c.name);
      return setRules(
        harm,
        here.flatMap((node) => there.map((peer) => dropIn(node.name, ["-s", peer.address]))),
        { subject: `clusters ${names.join(" and ")}`, names },
      );
    },
  },
];

async function bothSides(harm: Harm): Promise<readonly [ClusterNode[], ClusterNode[]]> {
  return [await harm.mesh.clusters[0]!.nodes(), await harm.mesh.clusters[1]!.nodes()];
}

/** KVStoreMesh of one cluster no longer reaches the other's clustermesh-apiserver; what is known stays known. */
function apiserverPortDrop(name: string, of: number, to: number): Fault {
  return {
    name,
    group: "network",
    does: `drops TCP from the ${of === 0 ? "first" : "second"} cluster to the clustermesh-apiserver of the other`,
    async inject(harm) {
      const from = harm.mesh.clusters[of]!;
      const target = harm.mesh.clusters[to]!;
      const service = await target.kube.get(kinds.service, "kube-system", "clustermesh-apiserver");
      const ip = service?.status?.loadBalancer?.ingress?.[0]?.ip as string | undefined;
      const matches =
        ip === undefined
          ? (await target.nodes()).map((n) => ["-p", "tcp", "-d", n.address, "--dport", "32379"])
          : [["-p", "tcp", "-d", ip, "--dport", "2379"]];
      const nodes = await from.nodes();
      return setRules(
        harm,
        nodes.flatMap((n) => matches.map((m) => dropIn(n.name, m))),
        {
          subject: `the way from ${from.name} to the clustermesh-apiserver of ${target.name}`,
          names: [target.name],
        },
      );
    },
  };
}
