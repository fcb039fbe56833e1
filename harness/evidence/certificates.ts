import { createHash, X509Certificate } from "node:crypto";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import type { Certificate, HeldCertificate } from "#harness/model/mesh-snapshot.ts";

/** A secret's entries, decoded, by its name. */
type Secrets = ReadonlyMap<string, ReadonlyMap<string, string>>;

const namespace = "kube-system";
const own = {
  ca: "cilium-ca",
  server: "clustermesh-apiserver-server-cert",
  remote: "clustermesh-apiserver-remote-cert",
  local: "clustermesh-apiserver-local-cert",
} as const;
const readers = { agents: "cilium-clustermesh", kvstoreMesh: "cilium-kvstoremesh" } as const;

/** What is held without its source: a PEM text and its role. */
type Held = Omit<HeldCertificate, "certificate"> & { readonly pem: string };

/** The certificates of a cluster's mesh, without any key. Secrets that do not exist are left out. */
export async function certificatesOf({ kube }: Pick<Cluster, "kube">): Promise<HeldCertificate[]> {
  const names = [...Object.values(own), ...Object.values(readers)];
  const secrets = await Promise.all(names.map((name) => kube.get(kinds.secret, namespace, name)));
  return heldCertificates(new Map(names.map((name, i) => [name, decoded(secrets[i])])));
}

/** `remote` always exists; the chart lists the others, unless authMode is `legacy` (`clustermesh-remote-users`). */
export async function meshUsersOf({ kube }: Pick<Cluster, "kube">): Promise<string[]> {
  const listed = await kube.get(kinds.configMap, namespace, "clustermesh-remote-users");
  const text = String((listed?.data as Readonly<Record<string, unknown>> | undefined)?.["users.yaml"] ?? "");
  return [
    "remote",
    ...Array.from(text.matchAll(/^\s*-?\s*name: *['"]?([^'"\s]+)/gm), ([, name = ""]) => name),
  ];
}

const decoded = (secret: KubeObject | undefined): ReadonlyMap<string, string> =>
  new Map(
    Object.entries((secret?.data ?? {}) as Record<string, string>).map(([key, data]) => [
      key,
      Buffer.from(data, "base64").toString(),
    ]),
  );

export function heldCertificates(secrets: Secrets): HeldCertificate[] {
  const entry = (secret: string, key: string): string => secrets.get(secret)?.get(key) ?? "";
  const held: Held[] = [
    { place: `Secret ${own.ca}`, role: "ca", pem: entry(own.ca, "ca.crt") },
    { place: `Secret ${own.server}`, role: "server", pem: entry(own.server, "tls.crt") },
    { place: `Secret ${own.server}, ca.crt`, role: "clients-ca", pem: entry(own.server, "ca.crt") },
    ...Object.entries(readers).flatMap(([reader, name]) =>
      [...(secrets.get(name) ?? [])].flatMap(([peer, text]) =>
        text.includes("endpoints:")
          ? peerCertificates(secrets, { reader: reader as keyof typeof readers, peer, text })
          : [],
      ),
    ),
  ];
  const parsed = held.flatMap(({ pem, ...where }) => parsedAll(pem).map((x509) => ({ where, x509 })));
  const signers = parsed.filter(({ where }) => where.role !== "server" && where.role !== "client");
  return parsed.map(({ where, x509 }) => ({
    ...where,
    certificate: {
      ...fieldsOf(x509),
      signers: [...new Set(signers.filter((s) => signed(x509, s.x509)).map((s) => keyOf(s.x509)))],
    },
  }));
}

/** The two files that an entry for a peer names: in its own secret, or in one of those that are mounted beside it. */
function peerCertificates(
  secrets: Secrets,
  {
    reader,
    peer,
    text,
  }: { readonly reader: keyof typeof readers; readonly peer: string; readonly text: string },
): Held[] {
  return (["cert-file", "trusted-ca-file"] as const).flatMap((key) => {
    const path = new RegExp(`^${key}: *['"]?([^'"\\n]+)`, "m").exec(text)?.[1]?.trim() ?? "";
    const file = path.slice(path.lastIndexOf("/") + 1);
    const beside = { "common-etcd-client": own.remote, "local-etcd-client": own.local };
    const [, stem = "", ca] = /^(.*?)(-ca)?\.crt$/.exec(file) ?? [];
    const mounted = beside[stem as keyof typeof beside];
    const inOwn = secrets.get(readers[reader])?.get(file);
    const pem = inOwn ?? secrets.get(mounted ?? "")?.get(ca === undefined ? "tls.crt" : "ca.crt") ?? "";
    const place = `Secret ${inOwn === undefined && mounted !== undefined ? mounted : `${readers[reader]}, ${file}`}`;
    return [{ place, role: key === "cert-file" ? "client" : "trusted", reader, peer, pem } as const];
  });
}

/** A bundle may hold several; what is no certificate is left out. */
function parsedAll(pem: string): X509Certificate[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []).flatMap((one) => {
    try {
      return [new X509Certificate(one)];
    } catch {
      return [];
    }
  });
}

/** The certificates of a text, which may be base64 of PEM, as in values and Secrets; none if it holds no certificate. */
export const certificatesIn = (text: string): Certificate[] =>
  parsedAll(text.includes("-----BEGIN") ? text : Buffer.from(text, "base64").toString()).map(fieldsOf);

const keyOf = (x509: X509Certificate): string =>
  createHash("sha256")
    .update(x509.publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");

function signed(x509: X509Certificate, by: X509Certificate): boolean {
  try {
    return x509.issuer === by.subject && x509.verify(by.publicKey);
  } catch {
    return false;
  }
}

const oneLine = (name: string | undefined): string => (name ?? "").split("\n").join(", ");

function fieldsOf(x509: X509Certificate): Certificate {
  const names = (x509.subjectAltName ?? "").split(", ").map((n) => /^(?:DNS|IP Address):(.+)$/.exec(n)?.[1]);
  return {
    subject: oneLine(x509.subject),
    issuer: oneLine(x509.issuer),
    serial: x509.serialNumber.toLowerCase(),
    notBefore: new Date(x509.validFrom).toISOString(),
    notAfter: new Date(x509.validTo).toISOString(),
    names: names.filter((n) => n !== undefined),
    key: keyOf(x509),
  };
}
