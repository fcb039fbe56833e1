import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { annotation, isGlobal } from "#harness/semantics/annotations.ts";
import { sharedDns } from "#harness/semantics/dns-services.ts";
import { findingOf } from "./catalogue/index.ts";
import { kubectl, versionOf } from "./parts.ts";
import { inCluster } from "./repairs.ts";
import { type ServiceSide, sidesOf } from "./service-repairs.ts";

/** The DNS of several clusters, joined by the mesh. */
export const sharedDnsServices = (mesh: MeshSnapshot): Finding[] =>
  [...sidesOf(mesh)].flatMap(([name, all]) => {
    const sides = all.filter(({ service }) => isGlobal(service.annotations));
    const [first] = sides;
    const found = sharedDns(
      sides.map(({ cluster, service }) => ({ cluster: cluster.name, version: versionOf(cluster), service })),
    );
    if (first === undefined || found === undefined) return [];
    return [
      findingOf("service-dns-global", {
        cluster: first.cluster.name,
        subject: `service ${name} of ${first.cluster.name}`,
        message: `service ${name} ${found.what}`,
        next: `if each cluster should answer for itself: ${sides.map(unmarked).join("; ")}`,
      }),
    ];
  });

/** Takes the marks away by which a service is global; none of the others has an effect then. */
function unmarked({ cluster, service: { namespace, name, annotations } }: ServiceSide): string {
  const keys = [annotation.global, annotation.oldGlobal].filter((key) => annotations[key] !== undefined);
  const command = kubectl(namespace, "annotate", `service/${name}`, ...keys.map((key) => `${key}-`));
  return inCluster(command, cluster);
}
