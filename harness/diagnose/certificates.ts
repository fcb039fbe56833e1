import type { Finding } from "#harness/model/finding.ts";
import type {
  Certificate,
  ClusterSnapshot,
  HeldCertificate,
  MeshSnapshot,
} from "#harness/model/mesh-snapshot.ts";
import { type FindingId, findingOf } from "./catalogue/index.ts";
import { known, nameOf } from "./parts.ts";
import { agents, apiserver, helmUpgrade, restart } from "./repairs.ts";

/** Certificates of both ends: validity in each cluster, then whether the ends of a lost connection accept each other's. */
export function certificates(mesh: MeshSnapshot): Finding[] {
  return [
    ...mesh.clusters.flatMap(validity),
    ...mesh.clusters.flatMap((from) =>
      mesh.clusters.filter((to) => to !== from).flatMap((to) => ends(from, to)),
    ),
  ];
}

export const heldBy = (cluster: ClusterSnapshot): readonly HeldCertificate[] => known(cluster.certificates);

const named = ({ subject }: Certificate): string => subject.replaceAll("\n", ", ");

/** Judged by the time of the evidence: an archive may be years old. */
function validity(cluster: ClusterSnapshot): Finding[] {
  const nowMs = cluster.collectedMs?.ok === true ? cluster.collectedMs.value : undefined;
  if (nowMs === undefined) return [];
  const seen = new Set<string>();
  return certificatesOf(cluster).flatMap(({ what, certificate, secret }) => {
    const { serial, notBefore, notAfter } = certificate;
    const [from, until] = [Date.parse(notBefore), Date.parse(notAfter)];
    const id: FindingId | undefined =
      until < nowMs ? "certificate-expired" : from > nowMs ? "certificate-not-yet-valid" : undefined;
    if (id === undefined || seen.has(serial)) return [];
    seen.add(serial);
    const when =
      id === "certificate-expired" ? `expired at ${notAfter}` : `is valid only from ${notBefore} on`;
    return [
      findingOf(id, {
        cluster: cluster.name,
        subject: `${what} of ${cluster.name}`,
        message: `${what} of ${cluster.name} (${named(certificate)}) ${when}; the evidence is of ${new Date(nowMs).toISOString()}`,
        next: `${renewal(cluster)}${secret === undefined ? "" : `; it is in ${secret}`}`,
      }),
    ];
  });
}

/** What is written in the chart's ways is written anew by an upgrade, signed by the cluster's CA. */
export const renewal = (
  cluster: ClusterSnapshot,
  at: (command: string, of: ClusterSnapshot) => string = (command) => command,
): string =>
  `renew it, with clustermesh.apiserver.tls.auto.method helm or cronJob: ${at(helmUpgrade(cluster), cluster)}; ${at(restart(cluster, apiserver), cluster)}; with cert-manager, or certificates of your own, renew it there`;

interface Described {
  readonly what: string;
  readonly certificate: Certificate;
  readonly secret?: string;
}

export const readerName = (reader: HeldCertificate["reader"]): string =>
  reader === "agents" ? "the agents" : "KVStoreMesh";

/** From the Secrets, and from what `troubleshoot` prints of each peer. */
function certificatesOf(cluster: ClusterSnapshot): Described[] {
  const roles: Readonly<Record<HeldCertificate["role"], string>> = {
    ca: "the CA certificate",
    server: "the server certificate of clustermesh-apiserver",
    "clients-ca": "the CA certificate for clients of clustermesh-apiserver",
    client: "the client certificate",
    trusted: "the trusted CA certificate",
  };
  const held = heldBy(cluster).map(({ role, reader, peer, place, certificate }) => ({
    what: peer === undefined ? roles[role] : `${roles[role]} of ${readerName(reader)} for ${peer}`,
    certificate,
    secret: place,
  }));
  const paths = known(cluster.kvstoreMeshPaths);
  return [
    ...held,
    ...paths.flatMap(({ peer, trusted, client }) => [
      ...client.map((certificate) => ({
        what: `the client certificate of KVStoreMesh for ${peer}`,
        certificate,
      })),
      ...trusted.map((certificate) => ({
        what: `the trusted CA certificate of KVStoreMesh for ${peer}`,
        certificate,
      })),
    ]),
  ];
}

/** Where KVStoreMesh is used, the agents' entries are for their own cluster's. */
export function readerOf(from: ClusterSnapshot): "agents" | "kvstoreMesh" {
  return from.peers.ok && Object.keys(from.peers.value.kvstoreMesh).length > 0 ? "kvstoreMesh" : "agents";
}

/** Whether a reader, or each agent, is connected to a peer. */
export const statesOf = (
  from: ClusterSnapshot,
  reader: "agents" | "kvstoreMesh",
  peer: string,
): readonly boolean[] =>
  (reader === "kvstoreMesh" ? known(from.kvstoreMesh) : from.agents.flatMap((a) => known(a.remotes)))
    .filter((r) => r.name === peer)
    .map((r) => r.ready);

function ends(from: ClusterSnapshot, to: ClusterSnapshot): Finding[] {
  const peer = nameOf(to);
  const reader = readerOf(from);
  const states = statesOf(from, reader, peer);
  // Processes may hold older certificates than the Secrets: what works is not judged.
  if (states.length === 0 || states.every(Boolean)) return [];
  const ofReader = (role: HeldCertificate["role"]): HeldCertificate[] =>
    heldBy(from).filter((h) => h.role === role && h.reader === reader && h.peer === peer);
  const its = (role: HeldCertificate["role"]): HeldCertificate[] => heldBy(to).filter((h) => h.role === role);
  const who = `${readerName(reader)} of ${from.name}`;
  const found: Finding[] = [];
  const [server] = its("server");
  const trusted = ofReader("trusted");
  if (server !== undefined && trusted.length > 0 && isForeign(server, trusted))
    found.push(
      findingOf("certificate-untrusted", {
        cluster: from.name,
        subject: `the CA of ${who} for ${peer}`,
        message: `the server certificate of ${peer} is signed by ${server.certificate.issuer}, and ${who} ${trusts(reader)} another CA for ${peer}: ${subjects(trusted)} (${trusted[0]?.place})`,
        next: sameCa(from, to),
      }),
    );
  const [client] = ofReader("client");
  const clientsCa = its("clients-ca");
  if (client !== undefined && clientsCa.length > 0 && isForeign(client, clientsCa))
    found.push(
      findingOf("certificate-untrusted", {
        cluster: from.name,
        subject: `the client certificate of ${who} for ${peer}`,
        message: `the client certificate of ${who} for ${peer} is signed by ${client.certificate.issuer}, and clustermesh-apiserver of ${peer} trusts another CA: ${subjects(clientsCa)}`,
        next: sameCa(from, to),
      }),
    );
  const host = hostFor(from, { reader, peer });
  const names = server?.certificate.names ?? [];
  if (host !== undefined && names.length > 0 && !names.some((n) => covers(n, host)))
    found.push(
      findingOf("certificate-name", {
        cluster: to.name,
        subject: `the server certificate of ${peer}`,
        message: `the server certificate of ${peer} is issued for ${names.join(", ")}, and ${who} ${reader === "agents" ? "contact" : "contacts"} it as ${host}`,
        next: `contact ${peer} by one of these names, or add ${host} to clustermesh.apiserver.tls.server.extraDnsNames (or extraIpAddresses) of ${peer} and renew the certificate`,
      }),
    );
  return found;
}

const trusts = (reader: "agents" | "kvstoreMesh"): string => (reader === "agents" ? "trust" : "trusts");

const subjects = (held: readonly HeldCertificate[]): string =>
  [...new Set(held.map((h) => `${named(h.certificate)}, serial ${h.certificate.serial}`))].join("; ");

/** Where both have one CA already, the certificates of this entry are not what the chart writes. */
function sameCa(from: ClusterSnapshot, to: ClusterSnapshot): string {
  const keyOf = (c: ClusterSnapshot): string | undefined =>
    heldBy(c).find((h) => h.role === "ca")?.certificate.key;
  const key = keyOf(from);
  return key !== undefined && key === keyOf(to)
    ? `both clusters have one CA, so write the certificates of this connection anew: ${helmUpgrade(from)}; ${restart(from, apiserver, agents)}`
    : `install ${from.name} and ${nameOf(to)} with one CA (copy Secret cilium-ca and renew the certificates), or give each the other's in tls.caBundle`;
}

/**
 * Whether none of these CAs signed a certificate: by their keys where its signer is known, otherwise by their names, which
 * show a difference and no equality.
 */
function isForeign({ certificate }: HeldCertificate, cas: readonly HeldCertificate[]): boolean {
  const { signers = [], issuer } = certificate;
  if (signers.length > 0) return !cas.some((ca) => signers.includes(ca.certificate.key ?? ""));
  return !cas.some((ca) => ca.certificate.subject === issuer);
}

function hostFor(
  from: ClusterSnapshot,
  { reader, peer }: { readonly reader: "agents" | "kvstoreMesh"; readonly peer: string },
): string | undefined {
  const urls = from.peers.ok ? (from.peers.value[reader][peer] ?? []) : [];
  const [url = ""] = urls;
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, "") : undefined;
}

/** A wildcard covers one label. */
const covers = (name: string, host: string): boolean =>
  name.toLowerCase() === host.toLowerCase() ||
  (name.startsWith("*.") && host.slice(host.indexOf(".") + 1).toLowerCase() === name.slice(2).toLowerCase());
