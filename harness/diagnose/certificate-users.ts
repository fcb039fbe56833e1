import type { Finding } from "#harness/model/finding.ts";
import type { Certificate, ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { heldBy, readerName, readerOf, statesOf } from "./certificates.ts";
import { known, nameOf, pathTo } from "./parts.ts";
import { agents, apiserver, inCluster, restart } from "./repairs.ts";

/** Etcd takes the common name of a client certificate as its user: a good certificate of another name is denied. */
export function certificateUsers(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((from) =>
    mesh.clusters.filter((to) => to !== from).flatMap((to) => ofPair(from, to)),
  );
}

function ofPair(from: ClusterSnapshot, to: ClusterSnapshot): Finding[] {
  const [name, peer] = [nameOf(from), nameOf(to)];
  const reader = readerOf(from);
  const states = statesOf(from, reader, peer);
  // Processes may hold older certificates than the Secrets: what works is not judged.
  if (states.length === 0 || states.every(Boolean) || !hasOwnEtcd(to) || to.meshUsers?.ok !== true) return [];
  const users = to.meshUsers.value;
  const held = clientOf(from, { reader, peer });
  const user = held === undefined ? undefined : commonName(held.certificate);
  // These two are users of every etcd of the chart, with all rights.
  if (held === undefined || user === undefined || [...users, "root", `admin-${peer}`].includes(user))
    return [];
  const who = `${readerName(reader)} of ${from.name}`;
  const own = `remote-${name}`;
  const issue = users.includes(own)
    ? `with CN remote, or with CN ${own} where clustermesh.apiserver.tls.authMode is cluster`
    : "with CN remote";
  const admit =
    user === own
      ? `add ${name} to clustermesh.config.clusters of ${peer}, with clustermesh.apiserver.tls.authMode migration or cluster there; or `
      : "";
  return [
    findingOf("certificate-user", {
      cluster: from.name,
      subject: `the client certificate of ${who} for ${peer}`,
      message: `the client certificate of ${who} for ${peer} has CN ${JSON.stringify(user)}${held.place === undefined ? "" : ` (${held.place})`}, which is no user of etcd of ${peer} (users for other clusters: ${users.join(", ")}): permission denied`,
      next: `${admit}issue the certificate ${issue}, then ${inCluster(restart(from, reader === "agents" ? agents : apiserver), from)}`,
    }),
  ];
}

/** That of clustermesh-apiserver: the users of another etcd are not known. */
const hasOwnEtcd = ({ config, services }: ClusterSnapshot): boolean =>
  config.ok &&
  (config.value["identity-allocation-mode"] ?? "crd") === "crd" &&
  known(services).some((s) => s.name === "clustermesh-apiserver");

/** From the Secrets, or what `troubleshoot` printed. */
function clientOf(
  from: ClusterSnapshot,
  { reader, peer }: { readonly reader: "agents" | "kvstoreMesh"; readonly peer: string },
): { readonly certificate: Certificate; readonly place?: string } | undefined {
  const held = heldBy(from).find((h) => h.role === "client" && h.reader === reader && h.peer === peer);
  if (held !== undefined) return held;
  const certificate = pathTo(from, reader, peer)?.client[0];
  return certificate === undefined ? undefined : { certificate };
}

const commonName = ({ subject }: Certificate): string | undefined =>
  /(?:^|[,\n])\s*CN=([^,+\n]+)/.exec(subject)?.[1]?.trim();
