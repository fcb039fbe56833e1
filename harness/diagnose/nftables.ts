import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, FirewallRule, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { HealthPath } from "#harness/model/snapshot.ts";
import { tunnelPort } from "#harness/semantics/mesh-settings.ts";
import { healthReportOf, healthSettingsOf } from "./health-settings.ts";
import { settingsOf } from "./node-settings.ts";
import { healthPortOf, nameOf } from "./parts.ts";
import { onNode } from "./repairs.ts";

/** A path that does not work, and what a firewall must let in for it. Source: Cilium's System Requirements. */
interface Blocked {
  readonly what: string;
  readonly match: readonly string[];
}

/**
 * Firewalls of a host (firewalld, for example) end with a rule that refuses, so one is a finding only where other nodes
 * do not reach the node: a finding for each table, with the rule that lets in what is missing.
 */
export function nftables(
  mesh: MeshSnapshot,
  cluster: ClusterSnapshot,
  { node, rules }: { readonly node: string; readonly rules: readonly FirewallRule[] },
): Finding[] {
  const blocked = blockedTo(mesh, cluster, node);
  if (blocked.length === 0) return [];
  const tables = Map.groupBy(
    rules.filter((r) => r.nft !== undefined && !/\bnfproto ipv6\b|\bip6 /.test(r.text)),
    (r) => r.nft ?? "",
  );
  return [...tables].map(([table, own]): Finding => {
    const first = own.find(refusesAll) ?? own[0];
    const chain = first?.text.split(" ")[0] ?? "";
    const opened = blocked.map(({ match }) =>
      onNode(cluster, node, ["nft", "insert", "rule", ...table.split(" "), chain, ...match, "accept"]),
    );
    return {
      layer: "underlay",
      severity: own.some(refusesAll) ? "broken" : "suspect",
      cluster: cluster.name,
      subject: `node ${node} of ${cluster.name}`,
      message: `nftables table ${table} on node ${node} of ${cluster.name}, which iptables does not show, drops or refuses packets (${own
        .map((r) => r.text)
        .slice(0, 3)
        .join("; ")}), and other nodes do not reach it by ${blocked.map((b) => b.what).join(", ")}`,
      next: `${opened.join("; ")}; and open the same in what wrote the table, or it comes back: with firewalld \`firewall-cmd --permanent --add-port=...\``,
    };
  });
}

/** The end of a firewall's input chain, or such a chain's policy: what nothing let in before is refused. */
const refusesAll = ({ text }: FirewallRule): boolean =>
  /^\S+ (?:counter packets \d+ bytes \d+ )?(?:drop|reject)(?: with .*)?$/.test(text) ||
  /\bhook input\b.*\bpolicy drop\b/.test(text);

/** What the agents of other nodes cannot reach of a node. */
function blockedTo(mesh: MeshSnapshot, cluster: ClusterSnapshot, node: string): Blocked[] {
  const name = `${nameOf(cluster)}/${node}`;
  const reports = mesh.clusters.flatMap((c) => c.agents.flatMap((a) => healthReportOf(mesh, a) ?? []));
  const seen = reports.filter((r) => r.local !== name).flatMap((r) => r.nodes.filter((n) => n.name === name));
  const fails = (path: HealthPath | undefined): boolean => path !== undefined && path.status !== "";
  const settings = settingsOf(cluster);
  const port = settings === undefined ? undefined : tunnelPort(settings);
  const healthPort = healthSettingsOf(mesh, name)?.port ?? healthPortOf(cluster);
  const hostHttp = seen.some((n) => fails(n.host.http));
  const hostIcmp = seen.some((n) => fails(n.host.icmp));
  const endpoint = seen.some((n) => fails(n.endpoint?.http) || fails(n.endpoint?.icmp));
  return [
    ...(endpoint && port !== undefined
      ? [{ what: `the tunnel (UDP ${port})`, match: ["udp", "dport", String(port)] }]
      : []),
    ...(hostHttp
      ? [{ what: `TCP ${healthPort} (health checks)`, match: ["tcp", "dport", String(healthPort)] }]
      : []),
    ...(hostIcmp ? [{ what: "ICMP (health checks)", match: ["icmp", "type", "echo-request"] }] : []),
  ];
}
