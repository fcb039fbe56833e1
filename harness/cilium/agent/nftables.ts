import type { FirewallRule } from "#harness/model/mesh-snapshot.ts";

/** Tables that Kubernetes and Docker write, and those of iptables, which iptables-save shows. */
const ownTables = /^(\S+ (kube-proxy|docker.*)|(ip|ip6|arp|bridge) (filter|nat|mangle|raw|security))$/;

/** The rules of `nft list ruleset` that drop or refuse, and chains whose policy is to drop. */
export function readNftables(text: string): FirewallRule[] {
  const rules: FirewallRule[] = [];
  let table: string | undefined;
  let chain = "";
  for (const line of text.split("\n")) {
    const opened = /^table (\S+ \S+) \{/.exec(line)?.[1];
    if (opened !== undefined) table = ownTables.test(opened) ? undefined : opened;
    chain = /^\s+chain (\S+) \{/.exec(line)?.[1] ?? chain;
    if (table === undefined || line.length > 4096) continue;
    const isDrop = /\b(drop|reject)\b/.test(line.replaceAll(/"[^"]*"/g, ""));
    if (!isDrop || /^\s*(chain|set|map|comment)\b/.test(line)) continue;
    const packets = Number(/\bcounter packets (\d+)/.exec(line)?.[1] ?? 0);
    rules.push({ podIp: "", nft: table, text: `${chain} ${line.trim()}`, packets });
  }
  return rules;
}
