import { oncePer } from "#harness/lib/once-per.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, PolicyObject } from "#harness/model/mesh-snapshot.ts";
import { withGroups } from "#harness/semantics/cidr-groups.ts";
import { deniesByDefault } from "#harness/semantics/default-deny.ts";
import {
  hostVerdict,
  isHostFirewallOn,
  type NodeTraffic,
  selectsHost,
} from "#harness/semantics/host-policies.ts";
import { hasHealthEndpoint } from "#harness/semantics/mesh-settings.ts";
import { findingOf } from "./catalogue/index.ts";
import { healthReportOf } from "./health-settings.ts";
import {
  cidrGroupsOf,
  healthPortOf,
  isMeshed,
  known,
  kubectl,
  nameOf,
  tunnelPortOf,
  wholeConfig,
} from "./parts.ts";
import { wireguardPort } from "./pod-carriers.ts";

/** Nodes whose host policies drop what nodes of other clusters must send there, or get from there. */
interface HostShutOff {
  readonly cluster: ClusterSnapshot;
  readonly nodes: readonly string[];
  readonly policies: readonly PolicyObject[];
  readonly traffic: NodeTraffic;
  readonly isDenied: boolean;
  /** Whether health checks fail because of it; one that is not known is not seen. */
  readonly isSeen: boolean;
}

/**
 * Policies of the host firewall that let no nodes of other clusters through. Tunnelled packets are traffic of the host,
 * in both directions (cilium/cilium#12289; `cil_to_netdev`, bpf/bpf_host.c, where MARK_MAGIC_OVERLAY counts as the host).
 */
export function hostPolicies(mesh: MeshSnapshot): Finding[] {
  return hostShutOffs(mesh).map((off) => findingFor(mesh, off));
}

/** Of a mesh once: the layers of health ask for it again. */
export const hostShutOffs = oncePer((mesh: MeshSnapshot): HostShutOff[] =>
  mesh.clusters.flatMap((cluster) => {
    const settings = wholeConfig(cluster);
    if (settings === undefined || !isHostFirewallOn(settings) || !isMeshed(mesh, cluster)) return [];
    const carried = carriers(cluster).flatMap((traffic) => offBy(mesh, cluster, traffic));
    const checked = hasHealthEndpoint({ settings })
      ? both("TCP", healthPortOf(cluster)).flatMap((traffic) => offBy(mesh, cluster, traffic))
      : [];
    // Where nothing passes, health checks are not the trouble.
    const isCarried = ({ nodes, traffic }: HostShutOff): boolean =>
      !carried.some((c) => c.traffic.side === traffic.side && c.nodes.some((n) => nodes.includes(n)));
    return [...carried, ...checked.filter(isCarried)];
  }),
);

const both = (protocol: NodeTraffic["protocol"], port: number): NodeTraffic[] =>
  (["ingress", "egress"] as const).map((side) => ({ side, protocol, port }));

/** What carries packets of pods between nodes; with native routing they are not the host's. */
function carriers(cluster: ClusterSnapshot): NodeTraffic[] {
  const settings = wholeConfig(cluster) ?? {};
  if (settings["enable-wireguard"] === "true") return both("UDP", wireguardPort);
  const port = tunnelPortOf(cluster);
  return port === undefined ? [] : both("UDP", port);
}

/** One for all nodes that the same policies shut off. */
function offBy(mesh: MeshSnapshot, cluster: ClusterSnapshot, traffic: NodeTraffic): HostShutOff[] {
  const found = new Map<string, HostShutOff>();
  for (const { name, labels } of known(cluster.nodes)) {
    const closed = closing(cluster, labels, traffic);
    const seen = closed === undefined ? undefined : isSeen(mesh, cluster, { node: name, traffic });
    // Health checks that pass show that it is not in force, or was not yet.
    if (closed === undefined || seen === false) continue;
    const key = JSON.stringify(closed.policies.map((p) => p.name));
    const before = found.get(key);
    found.set(key, {
      ...{ cluster, traffic, ...closed },
      nodes: [...(before?.nodes ?? []), name],
      isSeen: before?.isSeen === true || seen === true,
    });
  }
  return [...found.values()];
}

/** The policies that shut a node off, if none lets the traffic through. */
function closing(
  cluster: ClusterSnapshot,
  labels: Readonly<Record<string, string>> | undefined,
  traffic: NodeTraffic,
): Pick<HostShutOff, "policies" | "isDenied"> | undefined {
  const settings = wholeConfig(cluster) ?? {};
  const rules = known(cluster.policyObjects).flatMap((policy) =>
    policy.specs.map((spec) => ({
      policy,
      spec,
      selects: selectsHost(policy, spec, { labels, settings }),
    })),
  );
  // One that is not understood may let it through.
  if (rules.some((r) => r.selects === undefined)) return undefined;
  const own = rules
    .filter((r) => r.selects === true)
    .map((r) => ({ ...r, spec: withGroups(r.spec, cidrGroupsOf(cluster)) }))
    .map((r) => ({ ...r, verdict: hostVerdict(r.spec, traffic, settings) }));
  const of = (some: readonly { readonly policy: PolicyObject }[]): readonly PolicyObject[] => [
    ...new Set(some.map((r) => r.policy)),
  ];
  const denying = own.filter((r) => r.verdict === "denied");
  if (denying.length > 0) return { policies: of(denying), isDenied: true };
  const enforcing = own.filter((r) =>
    deniesByDefault({ kind: r.policy.kind, spec: r.spec }, traffic.side, settings),
  );
  return enforcing.length === 0 || own.some((r) => r.verdict === "allowed")
    ? undefined
    : { policies: of(enforcing), isDenied: false };
}

/**
 * Whether all health checks between the node and those of other clusters fail, undefined where there are none: one that
 * passes shows that the policy does not do it. Answers in a tunnel are traffic of the other side; those of TCP are let in.
 */
function isSeen(
  mesh: MeshSnapshot,
  cluster: ClusterSnapshot,
  { node, traffic }: { readonly node: string; readonly traffic: NodeTraffic },
): boolean | undefined {
  const own = `${nameOf(cluster)}/`;
  const isHost = traffic.port === healthPortOf(cluster);
  const asks = !isHost || traffic.side === "egress";
  const isAsked = !isHost || traffic.side === "ingress";
  const statuses = mesh.clusters
    .flatMap((c) => c.agents)
    .flatMap((agent) => {
      const report = healthReportOf(mesh, agent);
      if (report === undefined) return [];
      const { local, nodes } = report;
      const isForeign = (name: string): boolean => !name.startsWith(own);
      const seen =
        local === `${own}${node}`
          ? nodes.filter((n) => asks && isForeign(n.name))
          : nodes.filter((n) => isAsked && isForeign(local) && n.name === `${own}${node}`);
      return seen.flatMap((n) => (isHost ? n.host.http : n.endpoint?.http)?.status ?? []);
    });
  return statuses.length === 0 ? undefined : statuses.every((status) => status !== "");
}

const titleOf = ({ kind, name }: PolicyObject): string => `${kind} ${name}`;

function findingFor(mesh: MeshSnapshot, off: HostShutOff): Finding {
  const { cluster, nodes, policies, traffic, isDenied } = off;
  const { side, protocol, port } = traffic;
  const others = mesh.clusters.filter((c) => c !== cluster);
  const peers = others.length === 0 ? "other clusters" : others.map((c) => c.name).join(" and ");
  const addresses = others.flatMap((c) => known(c.nodes).map((n) => n.address)).filter((ip) => ip !== "");
  const listed = addresses.length === 0 ? "" : ` (${shortList(addresses, 6)})`;
  const named = shortList(nodes, 5);
  const from = side === "ingress" ? "from" : "to";
  const rule = isDenied
    ? `${policies.length === 1 ? "denies" : "deny"} ${protocol} ${port} ${from} the entity remote-node`
    : `${policies.length === 1 ? "lets" : "let"} neither the entity remote-node nor ${protocol} ${port} ${side === "ingress" ? "in" : "out"}`;
  const hint =
    isDenied || !policies.some(namesAddresses)
      ? ""
      : "; CIDRs and the entity world do not mean nodes of the mesh";
  const isHealth = port === healthPortOf(cluster);
  const effect = isHealth
    ? `health checks ${from} the nodes of ${peers}${listed} are dropped there`
    : `${port === wireguardPort ? "encrypted" : "tunnelled"} packets ${from} the nodes of ${peers}${listed} are dropped there, so the pods on ${named} and those of ${peers} do not reach each other`;
  return findingOf(isHealth ? "policy-shuts-off-health" : "policy-shuts-off-node", {
    severity: off.isSeen ? "broken" : "suspect",
    cluster: cluster.name,
    subject: `${policies.map(titleOf).join(" and ")} of ${cluster.name}`,
    message: `${policies.map(titleOf).join(" and ")} of ${cluster.name} (host firewall) ${policies.length === 1 ? "selects" : "select"} node ${named} and ${rule}${hint}: ${effect}`,
    next: remedy(off),
  });
}

const namesAddresses = ({ specs }: PolicyObject): boolean =>
  /"(?:from|to)CIDR|"world/.test(JSON.stringify(specs));

/** A rule of its own in the first policy: rules add up. */
function remedy({ cluster, policies, traffic: { side, protocol, port }, isDenied }: HostShutOff): string {
  const [policy] = policies;
  if (policy === undefined) return "";
  const object = `${policy.kind.toLowerCase()}/${policy.name}`;
  if (isDenied)
    return `leave the entity remote-node, or ${protocol} ${port}, out of ${side}Deny: ${kubectl("", "get", object, "-o", "yaml")}`;
  const settings = wholeConfig(cluster) ?? {};
  const at = policy.specs.findIndex(
    (spec) => spec.nodeSelector !== undefined && deniesByDefault({ kind: policy.kind, spec }, side, settings),
  );
  const path = `/${(policy.paths?.[at] ?? "spec").replace(/\[(\d+)\]$/, "/$1")}/${side}`;
  const value = { [side === "ingress" ? "fromEntities" : "toEntities"]: ["remote-node"] };
  const rules = policy.specs[at]?.[side];
  const hasRules = Array.isArray(rules);
  const step = { op: "add", path: hasRules ? `${path}/-` : path, value: hasRules ? value : [value] };
  const command = kubectl("", "patch", object, "--type", "json", "-p", JSON.stringify([step]));
  return `${command}; the mesh needs at least ${protocol} ${port}, TCP ${healthPortOf(cluster)} and ICMP with nodes of all clusters, which are the entity remote-node`;
}
