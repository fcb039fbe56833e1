import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { Difference } from "#harness/model/source-environment.ts";
import { refusedValues } from "#harness/semantics/chart-refusals.ts";
import { isKnownValue } from "#harness/semantics/chart-values.ts";
import { type IgnoredValue, ignoredValues } from "#harness/semantics/ignored-values.ts";
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
    return [...refused, ...ignored(cluster, refused)].map((finding) => ({ cluster: cluster.name, finding }));
  });
  const sources = clusters.map(({ source, to }) => ({ ...source, cilium: to }));
  const together = sourceProblems(sources, defects).filter(
    (row) => !/^(Service|value|\w*NetworkPolicy) /.test(row.field),
  );
  return [...ofValues, ...clusters.flatMap(dotted), ...together.map(found)];
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
  const isRead = (path: string): boolean => (unread === undefined ? isKnownValue(path) : !unread.has(path));
  return ignoredValues(source.values, to)
    .filter(({ path }) => !refused.some(({ message }) => message.includes(` value ${path},`)))
    .map((value) => findingOf(value, to, isRead(value.path)));
}

/** Whether Cilium does what a value asks for without it. */
const isDoneAnyway = ({ value, isWritten = false, isHarmless, note = "" }: IgnoredValue): boolean =>
  isWritten || isHarmless === true || (value === true && note === "it is always on");

function findingOf(ignored: IgnoredValue, to: string, isLost: boolean): CertificateFinding {
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
        : isLost || refused
          ? ""
          : "; so does the version that runs";
  const isGuess = removed === undefined && brought === undefined;
  const write = instead?.includes(" ") === true ? `say it by ${instead}` : `write it as ${instead}`;
  return {
    id: refused ? "value-refused" : "value-ignored",
    grade: refused ? "serious" : isDoneAnyway(ignored) ? "information" : isLost ? "serious" : "caution",
    message: `the chart of Cilium ${to} ${refused ? "refuses" : "ignores"} value ${path}${why}${more}`,
    remedy:
      instead === undefined || isWritten
        ? `leave it out of the values for ${to}`
        : `${write} in the values for ${to}${isGuess ? ", if that is what is meant" : ""}`,
  };
}

const idOf = (field: string): string =>
  field === "cluster id"
    ? "cluster-id"
    : ["pod CIDR", "node addresses", "ipv4NativeRoutingCIDR"].includes(field)
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
    "ipv4NativeRoutingCIDR",
    "set ipv4NativeRoutingCIDR to a CIDR that contains the pods of all clusters, in every cluster",
  ],
  [
    "clustermesh.config.clusters",
    "add the missing clusters to clustermesh.config.clusters, or leave the files of clusters that are not in the mesh out",
  ],
  ["CA differs", "use one CA in all clusters, or tls.caBundle with all of them"],
  ["clustermesh.useAPIServer", "set clustermesh.useAPIServer: true"],
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
