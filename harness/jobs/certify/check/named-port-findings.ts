import type { ClusterPolicies } from "#harness/model/what-if.ts";
import { namedPortFindings, namesInEgress, portNumbers } from "#harness/semantics/named-ports.ts";
import type { CheckedCluster } from "./checked-mesh.ts";
import type { Found, Part, Unread } from "./found.ts";

/** Rules of egress by a port's name, of which the pods of all clusters decide what they mean. */
export function namedPorts(
  clusters: readonly CheckedCluster[],
  policies: ReadonlyMap<string, ClusterPolicies>,
): Part {
  const numbers = portNumbers(clusters.flatMap(({ source }) => [...source.pods, ...source.workloads]));
  const unknown = clusters.filter(({ source: s }) => s.pods.length + s.workloads.length === 0);
  const found: Found[] = [];
  const unread: Unread[] = [];
  for (const { name, from, to, policiesRead } of clusters) {
    if (from === undefined || !policiesRead) continue;
    const parts = Object.values(policies.get(name)?.policies ?? {});
    const read = parts.flatMap((part) => (part.ok ? part.value : []));
    const findings = namedPortFindings(read, { from, to }, numbers);
    found.push(...findings.map((finding) => ({ cluster: name, finding })));
    const names = namesInEgress(read, { from, to });
    if (names.length > 0 && unknown.length > 0) unread.push(unreadPods(name, names, unknown));
  }
  return { found, unread };
}

const unreadPods = (name: string, ports: readonly string[], of: readonly CheckedCluster[]): Unread => {
  const without = of.map((c) => c.name).join(", ");
  return {
    message: `policies of ${name} mean ports of egress by name (${ports.join(", ")}): whether pods give one name several numbers is not known, because no pod of ${without} was given`,
    remedy: `give NAME=FILE with the output of kubectl get pods -A -o yaml of ${without}`,
  };
};
