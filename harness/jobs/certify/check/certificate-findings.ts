import { certificatesIn } from "#harness/evidence/certificates.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { valueAt } from "#harness/lib/value-at.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { Certificate } from "#harness/model/mesh-snapshot.ts";
import type { CheckedCluster } from "./checked-mesh.ts";
import type { Found, Part, Unread } from "./found.ts";

const dayMs = 24 * 3_600_000;
const soonDays = 30;

/**
 * Certificates that have expired or soon will: by the time of the evidence, because an archive may be old, else by
 * today.
 */
export function certificateFindings(clusters: readonly CheckedCluster[]): Part {
  const found = clusters.flatMap((cluster): Found[] => {
    const { collectedMs } = cluster.snapshot;
    const atMs = collectedMs?.ok === true ? collectedMs.value : unixNowMs();
    const bySerial = new Map(
      [...givenIn(cluster), ...readOf(cluster)].map((c) => [c.serial.replaceAll(":", "").toLowerCase(), c]),
    );
    return [...bySerial.values()].flatMap((certificate) => {
      const days = Math.floor((Date.parse(certificate.notAfter) - atMs) / dayMs);
      return days > soonDays
        ? []
        : [{ cluster: cluster.name, finding: expiry(certificate, days, renewal(cluster, certificate)) }];
    });
  });
  return { found, unread: clusters.flatMap(unreadable) };
}

/** Of the Secrets of a live cluster, and of what `troubleshoot` prints. */
function readOf({ snapshot: { certificates, kvstoreMeshPaths } }: CheckedCluster): Certificate[] {
  const held = certificates?.ok === true ? certificates.value.map((c) => c.certificate) : [];
  const paths = kvstoreMeshPaths?.ok === true ? kvstoreMeshPaths.value : [];
  return [...held, ...paths.flatMap((p) => [...p.trusted, ...p.client, ...p.presented])];
}

const valuePaths = [
  "tls.ca.cert",
  ...["server", "admin", "remote", "client"].map((name) => `clustermesh.apiserver.tls.${name}.cert`),
];
const secretNames = /^(cilium-ca|cilium-clustermesh|cilium-kvstoremesh|clustermesh-apiserver)/;

interface Given {
  readonly place: string;
  readonly text: string;
}

/** Texts that hold certificates: of values, of peers in them, and of Secrets among loose files. */
function textsIn({ source }: CheckedCluster): Given[] {
  const peers = valueAt(source.values, "clustermesh.config.clusters");
  const values = [
    ...valuePaths.map((path) => ({ place: `value ${path}`, text: valueAt(source.values, path) })),
    ...Object.values((peers ?? {}) as object).flatMap((peer: unknown) =>
      ["cert", "caCert"].map((name) => ({
        place: `value clustermesh.config.clusters, tls.${name}`,
        text: valueAt({ peer }, `peer.tls.${name}`),
      })),
    ),
  ];
  const secrets = source.others
    .filter((o) => o.kind === "Secret" && secretNames.test(o.metadata.name))
    .flatMap((o) =>
      Object.entries({ ...(o.data as object | null), ...(o.stringData as object | null) })
        .filter(([key]) => /\.crt$/.test(key))
        .map(([key, text]) => ({ place: `${key} of Secret ${o.metadata.name}`, text: text as unknown })),
    );
  return [...values, ...secrets].flatMap(({ place, text }) =>
    typeof text === "string" && text !== "" ? [{ place, text }] : [],
  );
}

const givenIn = (cluster: CheckedCluster): Certificate[] =>
  textsIn(cluster).flatMap(({ text }) => certificatesIn(text));

const unreadable = (cluster: CheckedCluster): Unread[] =>
  textsIn(cluster)
    .filter(({ text }) => certificatesIn(text).length === 0)
    .map(({ place }) => ({
      message: `${place} of ${cluster.name} holds no certificate that can be read: when it expires is not known`,
      remedy: "give it as PEM, or as the base64 of PEM",
    }));

/** What gives a certificate a longer life. */
function renewal({ source }: CheckedCluster, { subject, issuer }: Certificate): string {
  const auto = "clustermesh.apiserver.tls.auto";
  if (subject === issuer)
    return "make a new CA, and let all clusters trust both (tls.caBundle) before one uses it; apart from the upgrade";
  if (valueAt(source.values, `${auto}.enabled`) === false)
    return "renew it where it is made, and replace it before the upgrade: a lost connection afterwards then has one possible cause less";
  const method = String(valueAt(source.values, `${auto}.method`) ?? "helm");
  return ["cronJob", "certmanager"].includes(method)
    ? "see why it was not renewed: it should renew itself"
    : "apply the chart of the version that runs once more, with the same values: it makes a new one";
}

const expiry = ({ subject, notAfter }: Certificate, days: number, remedy: string): CertificateFinding => ({
  id: "certificate-expires",
  grade: days < 0 ? "serious" : "caution",
  message:
    days < 0
      ? `certificate ${subject} expired at ${notAfter}`
      : `certificate ${subject} expires at ${notAfter}, in ${days} days`,
  remedy,
});
