import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { ciliumNamespace, known, nameOf } from "./parts.ts";
import { nextFor } from "./pod-start.ts";

/** The certificate or key that an entry for a peer names and that is not there, by Go's error; undefined for another error. */
export const missingFile = (step: string): string | undefined =>
  /\bopen \S{0,200}\/([\w.-]{1,100}\.(?:crt|key|pem)): no such file or directory/.exec(step)?.[1];

/** A reader that cannot open a file. */
interface Lacking {
  readonly by: "agents" | "kvstoreMesh";
  /** The node of an agent, or the pod of KVStoreMesh; empty where there is one pod. */
  readonly where: string;
  readonly peer: string;
  readonly file: string;
  /** Connected by what it read before. */
  readonly isReady: boolean;
}

/**
 * Readers of peers that lack a certificate or a key: the volumes that hold them are optional, so their pods run and wait for
 * the file (cilium#42841). One finding for all agents, because one Secret is missing.
 */
export function missingCertificates(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) => {
    const alike = Map.groupBy(lackingOf(cluster), ({ by, file }) =>
      JSON.stringify([by, sourceOf(file, by).secret]),
    );
    return [...alike.values()].flatMap((all) => findingFor(cluster, all));
  });
}

function lackingOf(cluster: ClusterSnapshot): Lacking[] {
  const ofAgents = cluster.agents.flatMap(({ node, trouble, remotes }) =>
    known(trouble).map(({ peer, step }) => ({
      ...{ by: "agents" as const, where: node, peer, file: missingFile(step) },
      isReady: known(remotes).some((r) => r.name === peer && r.ready),
    })),
  );
  const ofKvstoreMesh = known(cluster.kvstoreMeshTrouble).map(({ peer, step, pod }) => ({
    ...{ by: "kvstoreMesh" as const, where: pod ?? "", peer, file: missingFile(step) },
    isReady: known(cluster.kvstoreMesh).some((r) => r.name === peer && r.ready && r.pod === pod),
  }));
  // The entry of the own cluster is used by nobody.
  return [...ofAgents, ...ofKvstoreMesh].flatMap(({ file, ...reader }) =>
    file === undefined || reader.peer === nameOf(cluster) ? [] : [{ ...reader, file }],
  );
}

/** What holds a file: cilium-agent/daemonset.yaml and clustermesh-apiserver/deployment.yaml of the chart 1.19.7. */
function sourceOf(file: string, by: Lacking["by"]): { readonly secret: string; readonly key: string } {
  const key = file.endsWith("-ca.crt") ? "ca.crt" : file.endsWith(".key") ? "tls.key" : "tls.crt";
  if (file.startsWith("local-etcd-client")) return { secret: "clustermesh-apiserver-local-cert", key };
  if (file.startsWith("common-etcd-client")) return { secret: "clustermesh-apiserver-remote-cert", key };
  return { secret: by === "agents" ? "cilium-clustermesh" : "cilium-kvstoremesh", key: file };
}

function findingFor(cluster: ClusterSnapshot, all: readonly Lacking[]): Finding[] {
  const [first] = all;
  if (first === undefined) return [];
  const { by, file } = first;
  const { secret, key } = sourceOf(file, by);
  const isOfAgents = by === "agents";
  const places = [...new Set(all.map((l) => l.where))].filter((place) => place !== "");
  const where = places.length === 0 ? "" : ` ${isOfAgents ? "on" : "in"} ${shortList(places, 3)}`;
  const who = isOfAgents ? `the agents of ${cluster.name}${where}` : `KVStoreMesh of ${cluster.name}${where}`;
  const peers = [...new Set(all.map((l) => l.peer))].join(" and ");
  const isReady = all.every((l) => l.isReady);
  const bundle = key === "ca.crt" ? ", or the bundle of tls.caBundle" : "";
  const [lack, are, they] = isOfAgents
    ? (["lack", "are", "they"] as const)
    : (["lacks", "is", "it"] as const);
  const effect = isReady
    ? `${they} ${are} connected to ${peers} until that connection ends`
    : `${they} ${are} not connected to ${peers}`;
  const make = nextFor(
    cluster,
    { what: "", missing: { kind: "Secret", name: secret } },
    { namespace: ciliumNamespace(cluster), name: "cilium" },
  );
  return [
    findingOf("certificate-missing", {
      severity: isReady ? "suspect" : "broken",
      cluster: cluster.name,
      subject: `certificate ${file} of ${cluster.name}`,
      message: `${who} ${lack} file ${file} (key ${key} of Secret ${secret}${bundle}), so ${effect}`,
      next: `${make}; then the file appears within two minutes, and nothing has to be restarted`,
    }),
  ];
}
