import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, PolicyObject } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { known, kubectl } from "./parts.ts";

/** Policies that deny everything: valid, but rarely intended in a namespace with global services. */
export function policies(mesh: MeshSnapshot): Finding[] {
  const found: Finding[] = [];
  for (const cluster of mesh.clusters) {
    for (const policy of ciliumPolicies(cluster)) {
      const clusterwide = policy.namespace === "";
      const name = clusterwide ? policy.name : `${policy.namespace}/${policy.name}`;
      const object = `${policy.kind.toLowerCase()}/${policy.name}`;
      const show = kubectl(policy.namespace, "get", object, "-o", "yaml");
      for (const direction of ["ingress", "egress"] as const) {
        const spec = policy.specs.find((s) => JSON.stringify(s[`${direction}Deny`] ?? "").includes('"all"'));
        if (spec === undefined) continue;
        found.push(
          findingOf("policy-denies-all", {
            cluster: cluster.name,
            subject: `policy ${name} of ${cluster.name}`,
            message: `policy ${name} of ${cluster.name} denies all ${direction} of the pods that it selects (${JSON.stringify(spec.endpointSelector ?? {})})`,
            next: `${show}; if it is not intended: ${kubectl(policy.namespace, "delete", object)}; \`cilium-dbg monitor --type drop\` shows what it drops`,
          }),
        );
      }
    }
  }
  return found;
}

/** Evidence of earlier versions has one rule of each namespaced policy. */
function ciliumPolicies(cluster: ClusterSnapshot): readonly PolicyObject[] {
  if (cluster.policyObjects?.ok === true)
    return cluster.policyObjects.value.filter((p) => p.kind !== "NetworkPolicy");
  return known(cluster.policies).map(({ spec, ...policy }) => ({
    kind: "CiliumNetworkPolicy",
    ...policy,
    specs: [spec],
  }));
}
