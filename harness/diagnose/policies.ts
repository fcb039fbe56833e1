import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { known, kubectl } from "./parts.ts";

/** Policies that deny everything: valid, but rarely intended in a namespace with global services. */
export function policies(mesh: MeshSnapshot): Finding[] {
  const found: Finding[] = [];
  for (const cluster of mesh.clusters) {
    for (const policy of known(cluster.policies)) {
      const name = `${policy.namespace}/${policy.name}`;
      for (const direction of ["ingress", "egress"] as const) {
        const denied = JSON.stringify(policy.spec[`${direction}Deny`] ?? "");
        if (!denied.includes('"all"')) continue;
        found.push({
          layer: "policies",
          severity: "suspect",
          cluster: cluster.name,
          subject: `policy ${name} of ${cluster.name}`,
          message: `policy ${name} of ${cluster.name} denies all ${direction} of the pods that it selects (${JSON.stringify(policy.spec.endpointSelector ?? {})})`,
          next: `${kubectl(policy.namespace, "get", `ciliumnetworkpolicy/${policy.name}`, "-o", "yaml")}; cilium-dbg monitor --type drop`,
        });
      }
    }
  }
  return found;
}
