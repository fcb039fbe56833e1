import { minorOf } from "#harness/lib/version.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { nameOf } from "./parts.ts";
import { helmUpgrade } from "./repairs.ts";

/** Containers, what a reader knows them as, and the Helm value of their image. */
const programs = [
  ["apiserver", "clustermesh-apiserver", "clustermesh.apiserver.image"],
  ["kvstoremesh", "KVStoreMesh", "clustermesh.apiserver.image"],
  ["cilium-operator", "the operator", "operator.image"],
] as const;

/**
 * Programs of a cluster that are of another minor release than all of its agents. During an upgrade, agents of both are
 * there, and no program is named.
 */
export const programVersions = (mesh: MeshSnapshot): Finding[] => mesh.clusters.flatMap(ofCluster);

function ofCluster(cluster: ClusterSnapshot): Finding[] {
  const versions: Readonly<Record<string, readonly string[]>> =
    cluster.programVersions?.ok === true ? cluster.programVersions.value : {};
  const own = versions["cilium-agent"] ?? [];
  const minors = new Set(own.map(minorOf));
  const apart = programs.flatMap(([container, name, image]) => {
    const of = versions[container] ?? [];
    return minors.size > 0 && of.length > 0 && !of.some((v) => minors.has(minorOf(v)))
      ? [{ name, image, version: of.join(", ") }]
      : [];
  });
  const [first] = apart;
  if (first === undefined) return [];
  const listed = apart.map((a) => `${a.name} ${a.version}`).join(", ");
  const images = [...new Set(apart.map((a) => a.image))];
  return [
    findingOf("program-versions-apart", {
      cluster: cluster.name,
      subject: `Cilium's programs of ${nameOf(cluster)}`,
      message: `Cilium's programs of ${nameOf(cluster)} are of different minor releases: ${listed}, and its agents ${own.join(", ")}`,
      next: `give them the version of the agents (Helm values ${images.join(", ")}): ${helmUpgrade(cluster, ...images.flatMap((i) => [`${i}.tag=v${own[0]}`, `${i}.useDigest=false`]))}`,
    }),
  ];
}
