import { z } from "zod";
import { certificatesIn } from "#harness/evidence/certificates.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { valueAt } from "#harness/lib/value-at.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { Certificate } from "#harness/model/mesh-snapshot.ts";
import type { SourceObject } from "#harness/model/source-environment.ts";
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
      [...givenIn(cluster), ...ofCertManager(cluster), ...readOf(cluster)].map((c) => [
        c.serial.replaceAll(":", "").toLowerCase(),
        c,
      ]),
    );
    return [...bySerial.values()].flatMap((certificate) => {
      const days = Math.floor((Date.parse(certificate.notAfter) - atMs) / dayMs);
      return days > soonDays
        ? []
        : [{ cluster: cluster.name, finding: expiry(certificate, days, renewal(cluster, certificate)) }];
    });
  });
  return { found, unread: clusters.flatMap((c) => [...unreadable(c), ...unseen(c)]) };
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
  /** Follows `holds no certificate that can be read`. */
  readonly place: string;
  readonly text: string;
  readonly role: Role;
}

/** What a mesh needs of each cluster that other clusters connect to, or that connects to others. */
type Role = "ca" | "server" | "client";

/** By the name of a Secret, or of a value; those of peers are clients'. */
function roleOf(name: string): Role {
  if (/(^|[.-])ca([.-]|$)/.test(name)) return "ca";
  return /(^|[.-])server([.-]|$)/.test(name) ? "server" : "client";
}

/** Texts that hold certificates: of values, of peers in them, and of Secrets among loose files and in archives. */
function textsIn({ source }: CheckedCluster): Given[] {
  const peers = valueAt(source.values, "clustermesh.config.clusters");
  const values = [
    ...valuePaths.map((path) => ({
      place: `value ${path}`,
      text: valueAt(source.values, path),
      role: roleOf(path),
    })),
    ...Object.values((peers ?? {}) as object).flatMap((peer: unknown) =>
      (["cert", "caCert"] as const).map((name) => ({
        place: `value clustermesh.config.clusters, tls.${name}`,
        text: valueAt({ peer }, `peer.tls.${name}`),
        role: name === "cert" ? ("client" as const) : ("ca" as const),
      })),
    ),
  ];
  const secrets = secretsOf(source.others).flatMap((o) =>
    Object.entries({ ...(o.data as object | null), ...(o.stringData as object | null) })
      .filter(([key]) => key.endsWith(".crt"))
      .map(([key, text]) => ({
        place: `${key} of Secret ${o.metadata.name}`,
        text: text as unknown,
        role: key === "ca.crt" ? ("ca" as const) : roleOf(o.metadata.name),
      })),
  );
  const bundle = valueAt(source.values, "tls.caBundle.enabled") === true ? bundleOf(source) : [];
  return [...values, ...secrets, ...bundle].flatMap(({ place, text, role }) =>
    typeof text === "string" && text !== "" ? [{ place, text, role }] : [],
  );
}

/** Of all clusters, as one trusts them. */
function bundleOf({
  values,
  others,
}: CheckedCluster["source"]): (Omit<Given, "text"> & { readonly text: unknown })[] {
  const name = valueAt(values, "tls.caBundle.name") ?? "cilium-root-ca.crt";
  const key = String(valueAt(values, "tls.caBundle.key") ?? "ca.crt");
  return others
    .filter((o) => o.kind === "ConfigMap" && o.metadata.name === name)
    .map((o) => ({
      place: `${key} of ConfigMap ${o.metadata.name}`,
      text: (o.data as Readonly<Record<string, unknown>> | null | undefined)?.[key],
      role: "ca" as const,
    }));
}

const secretsOf = (objects: readonly SourceObject[]): SourceObject[] =>
  objects.filter((o) => o.kind === "Secret" && secretNames.test(o.metadata.name));

/** What cert-manager says of the certificates that it makes for the mesh. */
const certManagerSchema = z.object({
  spec: z.object({
    secretName: z.string().regex(secretNames),
    commonName: z.string().nullish(),
    issuerRef: z.object({ name: z.string() }).nullish(),
  }),
  status: z.object({ notBefore: z.string().nullish(), notAfter: z.iso.datetime() }),
});

const ofCertManager = ({ source }: CheckedCluster): (Certificate & { readonly role: Role })[] =>
  source.others.flatMap((o) => {
    if (o.kind !== "Certificate" || o.apiVersion?.startsWith("cert-manager.io/") !== true) return [];
    const { data } = certManagerSchema.safeParse(o);
    if (data === undefined) return [];
    const { spec, status } = data;
    return [
      {
        subject: `CN=${spec.commonName ?? spec.secretName} of Certificate ${o.metadata.name}`,
        issuer: `cert-manager's issuer ${spec.issuerRef?.name ?? ""}`,
        serial: `cert-manager/${spec.secretName}`,
        notBefore: status.notBefore ?? "",
        notAfter: status.notAfter,
        role: roleOf(spec.secretName),
      },
    ];
  });

const secretOf: Readonly<Record<Role, string>> = {
  ca: "cilium-ca",
  server: "clustermesh-apiserver-server-cert",
  client: "clustermesh-apiserver-remote-cert",
};

/** Of an archive or a live cluster that is in a mesh: certificates that it must have, and that nothing showed. */
function unseen(cluster: CheckedCluster): Unread[] {
  const { name, source, snapshot, isWhole } = cluster;
  if (!isWhole) return [];
  const { workloads, peers, certificates } = snapshot;
  const hasServer =
    valueAt(source.values, "clustermesh.useAPIServer") === true ||
    (workloads.ok && workloads.value.some((w) => w.name === "clustermesh-apiserver"));
  const hasPeers = peers.ok && Object.values(peers.value).some((of) => Object.keys(of).length > 0);
  const needed: Role[] = [
    ...(hasServer || hasPeers ? (["ca"] as const) : []),
    ...(hasServer ? (["server"] as const) : []),
    ...(hasPeers ? (["client"] as const) : []),
  ];
  const seen = rolesSeen(cluster);
  const missing = needed.filter((role) => !seen.has(role));
  if (missing.length === 0) return [];
  const secrets = missing.map((role) => secretOf[role]);
  const why = certificates?.ok === false && certificates.absent !== true ? ` (${certificates.why})` : "";
  return [
    {
      message: `when certificates of ${name} expire is not known: what was read does not hold those of ${secrets.length === 1 ? "Secret" : "Secrets"} ${secrets.join(", ")}${why}`,
      remedy: `give ${name}=FILE with the output of ${shellQuote(["kubectl", "-n", "kube-system", "get", "secret", ...secrets, "-o", "yaml"])}; the keys in it are not needed`,
    },
  ];
}

function rolesSeen(cluster: CheckedCluster): ReadonlySet<Role> {
  const { certificates, kvstoreMeshPaths } = cluster.snapshot;
  const held = certificates?.ok === true ? certificates.value.map((c) => c.role) : [];
  const paths = kvstoreMeshPaths?.ok === true ? kvstoreMeshPaths.value : [];
  const given = textsIn(cluster).filter(({ text }) => certificatesIn(text).length > 0);
  return new Set<Role>([
    ...given.map((g) => g.role),
    ...ofCertManager(cluster).map((c) => c.role),
    ...held.map((role): Role => (role === "server" || role === "client" ? role : "ca")),
    ...paths.flatMap((p): Role[] => [
      ...(p.trusted.length > 0 ? (["ca"] as const) : []),
      ...(p.client.length > 0 ? (["client"] as const) : []),
    ]),
  ]);
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
