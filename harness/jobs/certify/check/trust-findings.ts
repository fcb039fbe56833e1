import { X509Certificate } from "node:crypto";
import { isMapping, valueAt } from "#harness/lib/value-at.ts";
import { peersOf } from "../../repro/listed-peers.ts";
import type { CheckedCluster } from "./checked-mesh.ts";
import type { Found } from "./found.ts";

/**
 * Clusters that list a peer and trust no CA that signed its certificates. CAs of one name are told apart by their keys.
 * Of an archive or a live cluster, `diagnose` says it.
 */
export function trustFindings(clusters: readonly CheckedCluster[]): Found[] {
  const loose = clusters.filter((c) => !c.isWhole);
  return loose.flatMap((c) =>
    loose
      .filter((peer) => peer !== c && peersOf(c.source).has(peer.name))
      .flatMap((peer) => distrust(c, peer) ?? []),
  );
}

function distrust(c: CheckedCluster, peer: CheckedCluster): Found | undefined {
  const entry = peersOf(c.source).get(peer.name);
  const tls = isMapping(entry) && isMapping(entry.tls) ? entry.tls : {};
  // "takes effect only if a custom certificate and key are also set" (templates/clustermesh-config/_helpers.tpl@1.20.2).
  const isOwn = isText(tls.cert) && isText(tls.key);
  const trusted = isOwn && isText(tls.caCert) ? parsed(tls.caCert) : trustedBy(c);
  const leaf = leavesOf(peer)[0];
  if (trusted.length === 0 || leaf === undefined || trusted.some((ca) => isSigned(leaf, ca)))
    return undefined;
  const lost =
    isText(tls.caCert) && !isOwn
      ? `; clustermesh.config.clusters, tls.caCert of ${peer.name}, has no effect without cert and key beside it`
      : "";
  const cas = new Set(trusted.map((ca) => `${nameOf(ca.subject)}, SHA-256 ${ca.fingerprint256.slice(0, 8)}`));
  return {
    cluster: c.name,
    finding: {
      id: "cluster-settings",
      grade: "serious",
      message: `CA of ${peer.name}: ${c.name} does not trust it: it trusts ${[...cas].join("; ")}, which did not sign ${nameOf(leaf.subject)} of ${peer.name} (issuer ${nameOf(leaf.issuer)})${lost}`,
      remedy: "use one CA in all clusters, or tls.caBundle with all of them",
    },
  };
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
const nameOf = (subject: string): string => subject.split("\n").join(", ");

/** By the bundle, if the cluster has one; empty if nothing tells. */
function trustedBy({ source }: CheckedCluster): X509Certificate[] {
  const bundle = valueAt(source.values, "tls.caBundle");
  if (isMapping(bundle) && bundle.enabled === true) {
    const { useSecret = false, name = "cilium-root-ca.crt", key = "ca.crt" } = bundle;
    return parsed(entryOf(source.others, { kind: useSecret === true ? "Secret" : "ConfigMap", name, key }));
  }
  return [
    valueAt(source.values, "tls.ca.cert"),
    ...["cilium-ca", "clustermesh-apiserver-remote-cert"].map((name) =>
      entryOf(source.others, { kind: "Secret", name, key: "ca.crt" }),
    ),
  ].flatMap(parsed);
}

/** Certificates that the cluster shows to others: the server's, else its clients'. */
const leavesOf = ({ source }: CheckedCluster): X509Certificate[] =>
  ["server", "remote"].flatMap((role) =>
    [
      entryOf(source.others, {
        kind: "Secret",
        name: `clustermesh-apiserver-${role}-cert`,
        key: "tls.crt",
      }),
      valueAt(source.values, `clustermesh.apiserver.tls.${role}.cert`),
    ].flatMap(parsed),
  );

function entryOf(
  objects: CheckedCluster["source"]["others"],
  { kind, name, key }: { readonly kind: string; readonly name: unknown; readonly key: unknown },
): unknown {
  const of = objects.find((o) => o.kind === kind && o.metadata.name === name);
  return dataOf(of)[String(key)];
}

const dataOf = (object: object | undefined): Readonly<Record<string, unknown>> => {
  const { data, stringData } = (object ?? {}) as { readonly data?: unknown; readonly stringData?: unknown };
  return { ...(isMapping(data) ? data : {}), ...(isMapping(stringData) ? stringData : {}) };
};

function parsed(value: unknown): X509Certificate[] {
  if (!isText(value)) return [];
  const pem = value.includes("-----BEGIN") ? value : Buffer.from(value, "base64").toString();
  return (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []).flatMap((one) => {
    try {
      return [new X509Certificate(one)];
    } catch {
      return [];
    }
  });
}

function isSigned(leaf: X509Certificate, ca: X509Certificate): boolean {
  try {
    return leaf.issuer === ca.subject && leaf.verify(ca.publicKey);
  } catch {
    return false;
  }
}
