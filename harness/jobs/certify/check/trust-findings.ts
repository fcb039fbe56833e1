import type { X509Certificate } from "node:crypto";
import { isMapping, valueAt } from "#harness/lib/value-at.ts";
import { certificatesOf, isSignedBy } from "../../repro/given-certificates.ts";
import { peersOf } from "../../repro/listed-peers.ts";
import type { CheckedCluster } from "./checked-mesh.ts";
import type { Found } from "./found.ts";

/**
 * Clusters that list a peer and trust no CA that signed its certificates, and clusters whose own certificates another CA
 * signed. CAs of one name are told apart by their keys. Of an archive or a live cluster, `diagnose` says it.
 */
export function trustFindings(clusters: readonly CheckedCluster[]): Found[] {
  const loose = clusters.filter((c) => !c.isWhole);
  return loose.flatMap((c) => [
    ...loose
      .filter((peer) => peer !== c && peersOf(c.source).has(peer.name))
      .flatMap((peer) => distrust(c, peer) ?? []),
    ...ofOtherCa(c),
  ]);
}

/**
 * Certificates in the values of a cluster that the CA in them did not sign. The chart makes its Secrets of both, where
 * `tls.auto.enabled` is false (templates/clustermesh-apiserver/tls-provided, 1.18.6 to 1.19.7; not in 1.20).
 */
function ofOtherCa(c: CheckedCluster): Found[] {
  const cas = trustedBy(c);
  if (cas.length === 0) return [];
  const tls = "clustermesh.apiserver.tls";
  const wrong = ["server", "admin", "remote", "client"].flatMap((role) => {
    const path = `${tls}.${role}.cert`;
    const [leaf] = certificatesOf(valueAt(c.source.values, path));
    return leaf === undefined || cas.some((ca) => isSignedBy(leaf, ca)) ? [] : [{ path, leaf }];
  });
  if (wrong.length === 0) return [];
  const isUsed = valueAt(c.source.values, `${tls}.auto.enabled`) === false;
  const which = wrong.map(({ path, leaf }) => `${path} (issuer ${nameOf(leaf.issuer)})`).join(", ");
  return [
    {
      cluster: c.name,
      finding: {
        id: "cluster-settings",
        grade: isUsed ? "serious" : "caution",
        message: `certificates of another CA: ${c.name} trusts ${labelsOf(cas)}, which did not sign ${which}; ${isUsed ? "clustermesh-apiserver and its clients refuse one another" : `the chart reads them where ${tls}.auto.enabled is false only`}`,
        remedy: `give the CA that signed them as tls.ca.cert, or leave the certificates out, so that the chart makes them`,
      },
    },
  ];
}

const labelsOf = (cas: readonly X509Certificate[]): string =>
  [...new Set(cas.map((ca) => `${nameOf(ca.subject)}, SHA-256 ${ca.fingerprint256.slice(0, 8)}`))].join("; ");

function distrust(c: CheckedCluster, peer: CheckedCluster): Found | undefined {
  const entry = peersOf(c.source).get(peer.name);
  const tls = isMapping(entry) && isMapping(entry.tls) ? entry.tls : {};
  // "takes effect only if a custom certificate and key are also set" (templates/clustermesh-config/_helpers.tpl@1.20.2).
  const isOwn = isText(tls.cert) && isText(tls.key);
  const trusted = isOwn && isText(tls.caCert) ? certificatesOf(tls.caCert) : trustedBy(c);
  const leaf = leavesOf(peer)[0];
  if (trusted.length === 0 || leaf === undefined || trusted.some((ca) => isSignedBy(leaf, ca)))
    return undefined;
  const lost =
    isText(tls.caCert) && !isOwn
      ? `; clustermesh.config.clusters, tls.caCert of ${peer.name}, has no effect without cert and key beside it`
      : "";
  return {
    cluster: c.name,
    finding: {
      id: "cluster-settings",
      grade: "serious",
      message: `CA of ${peer.name}: ${c.name} does not trust it: it trusts ${labelsOf(trusted)}, which did not sign ${nameOf(leaf.subject)} of ${peer.name} (issuer ${nameOf(leaf.issuer)})${lost}`,
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
    return certificatesOf(
      entryOf(source.others, { kind: useSecret === true ? "Secret" : "ConfigMap", name, key }),
    );
  }
  return [
    valueAt(source.values, "tls.ca.cert"),
    ...["cilium-ca", "clustermesh-apiserver-remote-cert"].map((name) =>
      entryOf(source.others, { kind: "Secret", name, key: "ca.crt" }),
    ),
  ].flatMap(certificatesOf);
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
    ].flatMap(certificatesOf),
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
