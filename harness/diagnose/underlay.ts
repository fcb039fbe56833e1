import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { FirewallRule, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { healthPortsOf } from "./health-settings.ts";
import { nftables } from "./nftables.ts";
import { known } from "./parts.ts";

/** Ports that Cilium's System Requirements ("Firewall Rules") and Cluster Mesh need, beside that of health checks. */
const ports: Readonly<Record<string, string>> = {
  "8472": "VXLAN: tunnelled traffic",
  "2379": "clustermesh-apiserver",
  "2378": "clustermesh-apiserver",
  "32379": "clustermesh-apiserver's NodePort",
};

/** The mark of an injected rule names its fault: a diagnosis must not use it. */
const injected = / -m comment --comment "?meshproof:[^" ]*"?/;

/** Firewalls on the nodes and in the pods' own network namespaces. */
export function underlay(mesh: MeshSnapshot): Finding[] {
  const found: Finding[] = [];
  const owner = podNames(mesh);
  const address = addressNames(mesh);
  const healthPorts = healthPortsOf(mesh);
  for (const cluster of mesh.clusters) {
    for (const inside of cluster.nodeStates) {
      const rules = known(inside.rules);
      found.push(...nftables(mesh, cluster, { node: inside.node, rules }));
      for (const rule of merged(rules.filter((r) => r.nft === undefined))) {
        const pod = rule.podIp === "" ? undefined : (owner.get(rule.podIp) ?? rule.podIp);
        const subject = pod === undefined ? `node ${inside.node} of ${cluster.name}` : `pod ${pod}`;
        const peers = Array.from(rule.text.matchAll(/(?<=-[sd] )[\d.]+/g), ([ip]) => address.get(ip) ?? ip);
        const between = peers.length === 0 ? "" : `, concerning ${[...new Set(peers)].join(", ")}`;
        found.push({
          layer: "underlay",
          severity: "broken",
          cluster: cluster.name,
          subject,
          message: `a ${rule.text.startsWith("routing rule") ? "" : "firewall "}rule on ${subject} drops or refuses ${what(rule, healthPorts)}${between} (${rule.packets} packets so far): ${rule.text.replace(injected, "")}`,
          next: removal(inside.node, rule),
        });
      }
    }
  }
  // Rules that match packets are the likelier cause.
  return found.sort((a, b) => packetsOf(b) - packetsOf(a));
}

/** Deleted by its own text, not by its number, which changes with every other rule. */
function removal(node: string, { text, table, podIp, pid }: FirewallRule): string {
  const on = ["docker", "exec", node];
  const then = "find out what set it: otherwise it comes back";
  const routing = /^routing rule ([\w ./:]+)$/.exec(text)?.[1];
  if (routing !== undefined)
    return `${shellQuote([...on, "ip", "rule", "del", ...routing.split(" ")])}; ${then}`;
  const isInPod = podIp !== "";
  if (table === undefined || (isInPod && pid === undefined))
    return `find out what set it, and remove it${isInPod ? " in the network namespace of the pod" : ""}: ${shellQuote([...on, ...(isInPod ? ["lsns", "-t", "net"] : ["iptables-save"])])}`;
  const inside = isInPod ? ["nsenter", "-t", String(pid), "-n"] : [];
  return `${shellQuote([...on, ...inside, "iptables", "-w", "-t", table, "-D", ...savedWords(text)])}; ${then}`;
}

/** The words of a line of iptables-save, which puts some into double quotes. */
function savedWords(text: string): string[] {
  return Array.from(text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g), ([, quoted, bare = ""]) =>
    quoted === undefined ? bare : quoted.replaceAll(/\\(.)/g, "$1"),
  );
}

const packetsOf = (f: Finding): number => (Number(/\((\d+) packets/.exec(f.message)?.[1] ?? 0) > 0 ? 1 : 0);

function what(rule: FirewallRule, healthPorts: ReadonlySet<number>): string {
  const port = /--[ds]port (\d+)/.exec(rule.text)?.[1];
  const protocol = /-p (\w+)/.exec(rule.text)?.[1]?.toUpperCase();
  if (protocol === "ICMP") return "ICMP (including the agents' health checks)";
  if (port === undefined) return protocol ?? "everything";
  const use = healthPorts.has(Number(port)) ? "the agents' health checks" : ports[port];
  return `${protocol ?? "port"} ${port}${use === undefined ? "" : ` (${use})`}`;
}

/** Duplicate rules, once each. */
function merged(rules: readonly FirewallRule[]): FirewallRule[] {
  const byText = new Map<string, FirewallRule>();
  for (const rule of rules) {
    const key = `${rule.podIp} ${rule.table} ${rule.text}`;
    const before = byText.get(key);
    byText.set(key, { ...rule, packets: rule.packets + (before?.packets ?? 0) });
  }
  return [...byText.values()];
}

function podNames(mesh: MeshSnapshot): Map<string, string> {
  return new Map(
    mesh.clusters.flatMap((c) =>
      known(c.pods)
        .filter((p) => !p.hostNetwork && p.ip !== "")
        .map((p) => [p.ip, `${c.name}/${p.namespace}/${p.name}`] as const),
    ),
  );
}

/** Nodes and LoadBalancer services by their addresses. */
function addressNames(mesh: MeshSnapshot): Map<string, string> {
  return new Map(
    mesh.clusters.flatMap((c) => [
      ...known(c.nodes).map((n) => [n.address, n.name] as const),
      ...known(c.services)
        .filter((s) => s.loadBalancerIp !== "")
        .map((s) => [s.loadBalancerIp, `service ${s.namespace}/${s.name} of ${c.name}`] as const),
    ]),
  );
}
