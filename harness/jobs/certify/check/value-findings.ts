import { valueAt } from "#harness/lib/value-at.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { Difference } from "#harness/model/source-environment.ts";
import { refusedValues } from "#harness/semantics/chart-refusals.ts";
import { isKnownValue } from "#harness/semantics/chart-values.ts";
import { type IgnoredValue, ignoredValues, isRemovedValue } from "#harness/semantics/ignored-values.ts";
import { imagePins } from "#harness/semantics/image-pins.ts";
import { besideRead } from "#harness/semantics/releases-read.ts";
import { isRepeatedKey, isUnusedValue } from "../../repro/part.ts";
import { hostNetworkRules, ownClusterRules } from "../../repro/policy-rules.ts";
import { sourceProblems } from "../../repro/source-problems.ts";
import type { CheckedCluster } from "./checked-mesh.ts";
import type { Found } from "./found.ts";

/**
 * Values that the new chart refuses or ignores; ids, networks and settings by which the clusters disturb each other. What
 * is wrong with services before and after is a matter of `diagnose`.
 */
export function valueFindings(clusters: readonly CheckedCluster[], defects: readonly KnownDefect[]): Found[] {
  const ofValues = clusters.flatMap((cluster): Found[] => {
    const refused = refusedValues(cluster.source.written ?? {}, cluster.to);
    const pins = imagePins(cluster.source.values, cluster.to);
    return [...refused, ...pins, ...ignored(cluster, refused)].map((finding) => ({
      cluster: cluster.name,
      finding,
    }));
  });
  const sources = clusters.map(({ source, to }) => ({ ...source, cilium: to }));
  const together = sourceProblems(sources, defects).filter(
    (row) => !/^(Service|value|\w*NetworkPolicy) /.test(row.field),
  );
  return [
    ...ofValues,
    ...clusters.flatMap(dotted),
    ...clusters.flatMap(repeated),
    ...clusters.flatMap(unused),
    ...clusters.flatMap(endpointsOff),
    ...together.map(found),
    ...ownClusterRules(sources).map(ofPolicy("policy-own-cluster-only")),
    ...hostNetworkRules(sources).map(ofPolicy("policy-host-network-pods")),
  ];
}

/** A key that stands twice: what the first one says is lost, with every version. */
const repeated = ({ name, source }: CheckedCluster): Found[] =>
  source.notes.filter(isRepeatedKey).map(({ field, inSource }) => ({
    cluster: name,
    finding: {
      id: "value-ignored",
      grade: "caution",
      message: `${field} stands ${inSource}: Helm and kubectl take the last one, and nothing of the first`,
      remedy: "make one of the two, with what is meant of both",
    },
  }));

/** Beside others that take their place, or below a name that no chart has: what was meant is lost, with every version. */
const unused = ({ name, source }: CheckedCluster): Found[] =>
  source.notes.filter(isUnusedValue).map(({ field, inSource }) => ({
    cluster: name,
    finding: {
      id: "value-ignored",
      grade: "caution",
      message: `${field}: ${inSource}`,
      remedy: "write what is meant where it is read, or remove it",
    },
  }));

/**
 * CiliumEndpoints that are turned off where the chart does not look, which refuses disableEndpointCRD (validate.yaml:181
 * of 1.20.2). Agents without a kvstore ignore it while network policies are on (pkg/option/config.go:2806 of 1.20.2).
 */
function endpointsOff({ name, source }: CheckedCluster): Found[] {
  const { values } = source;
  const path = "extraConfig.disable-endpoint-crd";
  const isRead =
    valueAt(values, "clustermesh.useAPIServer") === true &&
    valueAt(values, "identityAllocationMode") !== "kvstore";
  if (!isRead || String(valueAt(values, path)) !== "true") return [];
  return [
    {
      cluster: name,
      finding: {
        id: "value-ignored",
        grade: "caution",
        message: `value ${path}: clustermesh-apiserver reads the CiliumEndpoints that it turns off, so the chart refuses it as disableEndpointCRD; agents ignore it as long as network policies are on, and where they do not, the cluster exports no pod`,
        remedy: `leave ${path} out, and set disableEndpointCRD: false`,
      },
    },
  ];
}

/** `cluster.name: alpha` in a values file, as `--set` has it; what else is read takes it for the value that was meant. */
const dotted = ({ name, source }: CheckedCluster): Found[] =>
  source.notes
    .filter((note) => note.field === "keys with dots")
    .map(({ inSource }) => ({
      cluster: name,
      finding: {
        id: "value-ignored",
        grade: "caution",
        message: `keys with dots: ${inSource}`,
        remedy: "write each part as a key of its own, below the one before it",
      },
    }));

function ignored(
  { source, from, to }: CheckedCluster,
  refused: readonly CertificateFinding[],
): CertificateFinding[] {
  const unread =
    from === undefined ? undefined : new Set(ignoredValues(source.values, from).map((i) => i.path));
  // Of a release that is in no table, nobody knows whether it reads a value that no chart of the tables has.
  const isOutside = from !== undefined && besideRead(from)?.sameMinor === false;
  const isRead = (path: string): boolean | undefined => {
    if (unread === undefined) return isKnownValue(path);
    return isOutside && !isKnownValue(path) && !isRemovedValue(path) ? undefined : !unread.has(path);
  };
  return ignoredValues(source.values, to)
    .filter(({ path }) => !refused.some(({ message }) => tells(message, path)))
    .map((value) => findingOf(value, to, isRead(value.path)));
}

/** Whether it is about a value, or about the certificate of a key. */
const tells = (message: string, path: string): boolean =>
  [path, path.replace(/\.key$/, ".cert")].some((p) => message.includes(` value ${p},`));

/** Whether Cilium does what a value asks for without it. */
const isDoneAnyway = ({ value, isWritten = false, isHarmless, note = "" }: IgnoredValue): boolean =>
  isWritten || isHarmless === true || (value === true && note === "it is always on");

/** `isLost`: the version that runs reads it; undefined if nobody knows. */
function findingOf(ignored: IgnoredValue, to: string, isLost: boolean | undefined): CertificateFinding {
  const { path, removed, brought, instead, isWritten = false, isHarmless, note, refused } = ignored;
  const why =
    removed !== undefined
      ? `, which Cilium ${removed} removed`
      : brought !== undefined
        ? `, which Cilium ${brought} brought`
        : ", which it does not have";
  const more = isWritten
    ? `; ${instead} is set too`
    : note !== undefined
      ? `: ${note}`
      : isHarmless
        ? "; nothing is lost: it does the same without"
        : isLost === true || refused
          ? ""
          : isLost === undefined
            ? "; whether the version that runs reads it is not known"
            : "; so does the version that runs";
  const isGuess = removed === undefined && brought === undefined;
  const write = instead?.includes(" ") === true ? `say it by ${instead}` : `write it as ${instead}`;
  return {
    id: refused ? "value-refused" : "value-ignored",
    grade: refused
      ? "serious"
      : isDoneAnyway(ignored)
        ? "information"
        : isLost === true
          ? "serious"
          : "caution",
    message: `the chart of Cilium ${to} ${refused ? "refuses" : "ignores"} value ${path}${why}${more}`,
    remedy:
      instead === undefined || isWritten
        ? `leave it out of the values for ${to}`
        : `${write} in the values for ${to}${isGuess ? ", if that is what is meant" : ""}${isLost === false ? "; it has no effect now, so this changes what runs: do it apart from the upgrade" : ""}`,
  };
}

/** True before the upgrade and after it: what it drops would look like the upgrade's fault. */
const ofPolicy =
  (id: "policy-own-cluster-only" | "policy-host-network-pods") =>
  ({ cluster, field, inSource }: ReturnType<typeof ownClusterRules>[number]): Found => ({
    cluster,
    finding: {
      id,
      grade: "caution",
      message: `${field} ${inSource}`,
      remedy:
        id === "policy-own-cluster-only"
          ? "correct it first, or know that requests between the clusters are dropped already"
          : "correct it first, or know that it does not mean these pods already",
    },
  });

const idOf = (field: string): string =>
  ["cluster id", "cluster name"].includes(field)
    ? "cluster-id"
    : ["pod CIDR", "node addresses", "load balancer addresses", "ipv4NativeRoutingCIDR"].includes(field)
      ? "cluster-networks"
      : "cluster-settings";

/** What an operator can do about a problem of clusters with one another, by the start of its field's name. */
const remedies: readonly (readonly [field: string, remedy: string])[] = [
  [
    "cluster id",
    "give each cluster a cluster.id of its own, from 1 to 255 (511 with maxConnectedClusters: 511), and restart its agents and pods; apart from the upgrade",
  ],
  [
    "pod CIDR",
    "give the clusters disjoint pod CIDRs (ipam.operator.clusterPoolIPv4PodCIDRList); nodes keep the old ones until their CiliumNode is made anew",
  ],
  ["node addresses", "connect the clusters' node networks without equal addresses"],
  [
    "load balancer addresses",
    "give the clusters disjoint blocks of CiliumLoadBalancerIPPool; services that have an address keep it until it is no longer in a pool",
  ],
  [
    "ServiceExport ",
    "make the Services of one name alike in all clusters that export them: the oldest export decides for all",
  ],
  [
    "ipv4NativeRoutingCIDR",
    "set ipv4NativeRoutingCIDR to a CIDR that contains the pods of all clusters, in every cluster",
  ],
  [
    "clustermesh.config.clusters",
    "add the missing clusters to clustermesh.config.clusters, or leave the files of clusters that are not in the mesh out",
  ],
  [
    "clustermesh.config.domain",
    "leave clustermesh.config.domain out, or add *.DOMAIN to the names of the certificate in every cluster: clustermesh.apiserver.tls.auto.server.extraDnsNames (before 1.20: clustermesh.apiserver.tls.server.extraDnsNames)",
  ],
  [
    "address of peer",
    "add the address to the certificate of the peer: clustermesh.apiserver.tls.auto.server.extraDnsNames or extraIpAddresses (before 1.20: clustermesh.apiserver.tls.server); or give ips in place of address, and a name of *.mesh.cilium.io is used",
  ],
  ["port of peer", "set the port in clustermesh.config.clusters to the node port of the peer's service"],
  ["MCS-API differs", "set clustermesh.mcsapi.enabled: true in every cluster that exports or imports"],
  [
    "cluster-health-port differs",
    "set clusterHealthPort to one value in all clusters and restart their agents; apart from the upgrade",
  ],
  ["CA differs", "use one CA in all clusters, or tls.caBundle with all of them"],
  [
    "NodePort ",
    "choose a port within the range, or see that the API server's service-node-port-range has it: where the release is installed already, it has",
  ],
  [
    "announcement of clustermesh-apiserver",
    "set clustermesh.apiserver.service.labels to what the CiliumBGPAdvertisement selects, or let its selector match the service",
  ],
  [
    "policyEnforcementMode",
    "see that policies admit them in both directions (kubectl get cnp,ccnp,netpol -A), or set policyEnforcementMode: default",
  ],
  ["clustermesh.useAPIServer", "set clustermesh.useAPIServer: true"],
  ["clustermesh.config.enabled", "set clustermesh.config.enabled: true"],
];

function found({ cluster, field, inSource, matters }: Difference): Found {
  const remedy = remedies.find(([start]) => field.startsWith(start))?.[1];
  const differs = / differs$/.test(field)
    ? `make ${field.replace(/ differs$/, "")} equal in all clusters`
    : undefined;
  return {
    cluster,
    finding: {
      id: idOf(field),
      grade: matters === "yes" ? "serious" : "caution",
      message: `${field}: ${inSource}`,
      remedy: remedy ?? differs ?? "correct it first: afterwards it looks like the upgrade's fault",
    },
  };
}
