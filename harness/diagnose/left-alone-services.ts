import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { leftAlone } from "#harness/semantics/left-alone-services.ts";
import { findingOf } from "./catalogue/index.ts";
import { isDerived, known, kubectl, wholeConfig } from "./parts.ts";
import { inCluster } from "./repairs.ts";

/** Global services with labels for which Cilium does not serve them. */
export const leftAloneServices = (mesh: MeshSnapshot): Finding[] => mesh.clusters.flatMap(ofCluster);

function ofCluster(cluster: ClusterSnapshot): Finding[] {
  const { name, services } = cluster;
  const reader = { name, settings: wholeConfig(cluster) };
  return known(services).flatMap((service) => {
    if (isDerived(service) || service.type === "ExternalName") return [];
    const isHeadless = service.clusterIp.toLowerCase() === "none";
    const found = leftAlone({ ...service, isHeadless }, reader);
    if (found === undefined) return [];
    const key = `${service.namespace}/${service.name}`;
    const label = kubectl(service.namespace, "label", "--overwrite", `service/${service.name}`, found.label);
    return [
      findingOf("service-left-alone", {
        severity: found.isSure ? "broken" : "suspect",
        cluster: name,
        subject: `service ${key} of ${name}`,
        message: `service ${key} of ${name} ${found.what}`,
        next: `if Cilium should serve it: ${inCluster(label, cluster)}`,
      }),
    ];
  });
}
