import { certificatesIn } from "#harness/evidence/certificates.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { valueAt } from "#harness/lib/value-at.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { Certificate } from "#harness/model/mesh-snapshot.ts";
import type { CheckedCluster } from "./checked-mesh.ts";
import type { Found } from "./found.ts";

const dayMs = 24 * 3_600_000;
const soonDays = 30;

/**
 * Certificates that have expired or soon will: by the time of the evidence, because an archive may be old, else by
 * today.
 */
export function certificateFindings(clusters: readonly CheckedCluster[]): Found[] {
  return clusters.flatMap((cluster) => {
    const { collectedMs } = cluster.snapshot;
    const atMs = collectedMs?.ok === true ? collectedMs.value : unixNowMs();
    const bySerial = new Map(
      [...givenIn(cluster), ...readOf(cluster)].map((c) => [c.serial.replaceAll(":", "").toLowerCase(), c]),
    );
    return [...bySerial.values()].flatMap((certificate) => {
      const days = Math.floor((Date.parse(certificate.notAfter) - atMs) / dayMs);
      return days > soonDays
        ? []
        : [{ cluster: cluster.name, finding: expiry(certificate, days, renewsItself(cluster)) }];
    });
  });
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

/** Of values, and of Secrets among loose files. */
function givenIn({ source }: CheckedCluster): Certificate[] {
  const values = valuePaths.map((path) => valueAt(source.values, path));
  const secrets = source.others
    .filter((o) => o.kind === "Secret" && secretNames.test(o.metadata.name))
    .flatMap((o) => Object.values({ ...(o.data as object | null), ...(o.stringData as object | null) }));
  return [...values, ...secrets].flatMap((text) => (typeof text === "string" ? certificatesIn(text) : []));
}

const renewsItself = ({ source }: CheckedCluster): boolean =>
  ["cronJob", "certmanager"].includes(
    String(valueAt(source.values, "clustermesh.apiserver.tls.auto.method") ?? "helm"),
  );

const expiry = ({ subject, notAfter }: Certificate, days: number, renewed: boolean): CertificateFinding => ({
  id: "certificate-expires",
  grade: days < 0 ? "serious" : "caution",
  message:
    days < 0
      ? `certificate ${subject} expired at ${notAfter}`
      : `certificate ${subject} expires at ${notAfter}, in ${days} days`,
  remedy: renewed
    ? "see why it was not renewed: it should renew itself"
    : "renew it before the upgrade, so that a lost connection afterwards has one possible cause less",
});
