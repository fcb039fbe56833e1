import semver from "semver";
import { pins, untestedPair } from "#harness/config/pins.ts";
import { diagnose } from "#harness/diagnose/index.ts";
import { policiesOf } from "#harness/evidence/policy-objects.ts";
import { minorOf } from "#harness/lib/version.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { KnownDefect, UntestedDefect } from "#harness/model/known-defect.ts";
import { affects } from "#harness/semantics/affected.ts";
import { chartsRead } from "#harness/semantics/chart-settings.ts";
import { crdFindings, objectFindings } from "#harness/semantics/crd-versions.ts";
import { deprecationFindings } from "#harness/semantics/deprecations.ts";
import { usesEnvoy, withoutEnvoy } from "#harness/semantics/envoy-use.ts";
import { featureFindings } from "#harness/semantics/feature-changes.ts";
import { flagFindings } from "#harness/semantics/flag-findings.ts";
import { type Beside, besideRead } from "#harness/semantics/releases-read.ts";
import { crdStateOf, requiredCrdFindings } from "#harness/semantics/required-crds.ts";
import { settingFindings } from "#harness/semantics/setting-changes.ts";
import { objectDoubts } from "../../repro/object-doubts.ts";
import { type CheckedCluster, releaseOf } from "./checked-mesh.ts";
import type { Found, Part, Unread } from "./found.ts";

type Defect = KnownDefect | UntestedDefect;

/** What the versions themselves say: settings, CRDs, the distance, the Kubernetes version. */
export function versionFindings(cluster: CheckedCluster, defects: readonly Defect[]): Part {
  const { name, from, to, source, changes } = cluster;
  const unread = [
    ...unreadVersions(cluster),
    ...unreadNotes(cluster),
    ...unreadObjects(cluster),
    ...unreadNodeConfigs(cluster),
  ];
  const findings = [
    ...(from === undefined
      ? []
      : [
          ...distance(cluster, { from, to }, defects),
          ...featureFindings({ from, to }, cluster.settings),
          ...nodeConfigFindings(cluster, { from, to }),
        ]),
    ...crdsOf(cluster),
    ...deprecationFindings(to, cluster.settings),
    ...kubernetesFinding(source.kubernetes, to),
    ...settingFindings(isWithoutEnvoy(cluster) ? changes.map(withoutEnvoy) : changes),
  ];
  return { found: findings.map((finding) => ({ cluster: name, finding })), unread };
}

/** Known only where policies were read, all of them. */
function isWithoutEnvoy({ evidence, policiesRead, settings }: CheckedCluster): boolean {
  if (!policiesRead) return false;
  const parts = Object.values(policiesOf(evidence).policies);
  return (
    parts.every((part) => part.ok || part.absent === true) &&
    !usesEnvoy(
      settings,
      parts.flatMap((part) => (part.ok ? part.value : [])),
    )
  );
}

/** Releases of which the tables hold nothing, or only what another one of the minor does. */
function unreadVersions({ name, from, to, source }: CheckedCluster): Unread[] {
  const unread: Unread[] = [];
  if (from === undefined)
    unread.push({
      message: `the Cilium version of ${name} is not in what was given: what the move changes in its settings, flags, CRDs, policies and features, and which known defects it ends, is not known`,
      remedy: "give --from, or the agents' pods",
    });
  const runs = releaseOf(source);
  if (from !== undefined && runs !== undefined && runs !== from)
    unread.push({
      message: `${name} runs Cilium ${runs} by what was read: the answer is for --from ${from}`,
      remedy: "leave --from out, unless that is what you ask",
    });
  for (const version of new Set([from ?? to, to])) {
    const beside = besideRead(version);
    if (beside !== undefined) unread.push(unreadVersion(version, beside));
  }
  return unread;
}

const notInTables =
  "settings, values, flags, CRDs, features, policies, known defects and supported Kubernetes versions was not checked";

function unreadVersion(version: string, { is, nearest, sameMinor }: Beside): Unread {
  const which = is === "newer" ? "newest" : "oldest";
  const certify = `certify the move on a lab, which renders both charts, and read the upgrade notes of ${minorOf(version)}`;
  return sameMinor
    ? {
        message: `Cilium ${version} is ${is} than ${nearest}, the ${which} release of its minor that this Meshproof knows: it was judged as ${nearest}, and what differs between the two was not checked`,
        remedy: `${is === "newer" ? "use a newer Meshproof, or " : ""}${certify}`,
      }
    : {
        message: `Cilium ${version} is ${is} than every release that this Meshproof knows (${chartsRead[0]} to ${chartsRead.at(-1)}): what it changes in ${notInTables}`,
        remedy: `${is === "newer" ? "use a newer Meshproof, or " : ""}${certify}; a check with ${nearest} in its place tells what changes on that side of it`,
      };
}

/** Doubts of the reader of files, by the fields of its notes. */
const doubts = ["file", "Cilium", "Cilium's build", "values in other files", "arguments of a command"];

const isObjectDoubt = (field: string): field is keyof typeof objectDoubts =>
  Object.hasOwn(objectDoubts, field);

/** Objects that hold others, or ask for them. */
const unreadObjects = ({ name, source }: CheckedCluster): Unread[] =>
  source.notes.flatMap(({ field, inSource }) =>
    isObjectDoubt(field)
      ? [{ message: `${field} of ${name} were not read: ${inSource}`, remedy: objectDoubts[field] }]
      : [],
  );

const unreadNotes = ({ name, source, from = "an unknown version" }: CheckedCluster): Unread[] =>
  source.notes
    .filter(({ field, inSource }) => doubts.includes(field) || inSource.endsWith(": a placeholder"))
    .map(({ field, inSource, inLab, ofNoCluster }) => ({
      message: `${field}${ofNoCluster === true ? "" : ` of ${name}`} is not certain: ${inSource} (${field === "Cilium" ? `judged as ${from}` : inLab})`,
      remedy: "give what the cluster itself says: helm get values, kubectl get pods -A -o yaml, a sysdump",
    }));

const unreadNodeConfigs = ({ name, isWhole, evidence, source }: CheckedCluster): Unread[] =>
  isWhole &&
  !evidence.has("ciliumnodeconfigs.json") &&
  !source.others.some((o) => o.kind === "CiliumNodeConfig")
    ? [
        {
          message: `CiliumNodeConfigs of ${name} were not read: settings of single nodes that the target does not have are not known`,
          remedy: `give ${name}=FILE with the output of kubectl get ciliumnodeconfigs -A -o yaml`,
        },
      ]
    : [];

/** Settings for some nodes only. */
const nodeConfigFindings = (
  { source }: CheckedCluster,
  move: { readonly from: string; readonly to: string },
): CertificateFinding[] =>
  source.others
    .filter((o) => o.kind === "CiliumNodeConfig")
    .flatMap(({ metadata, spec }) => {
      const { defaults } = (spec ?? {}) as { readonly defaults?: unknown };
      return flagFindings(move, { values: { extraConfig: defaults } }, `CiliumNodeConfig ${metadata.name}`);
    });

/** Of a live cluster, or of a list among the files. Without the version that runs, what the target does not have. */
function crdsOf({ crds, before, after, source, from, to }: CheckedCluster): CertificateFinding[] {
  const listed = source.others
    .filter((o) => o.kind === "CustomResourceDefinition")
    .flatMap((o) => crdStateOf(o) ?? []);
  const states = crds ?? (listed.length === 0 ? undefined : listed);
  const move = { from, to };
  return [
    ...crdFindings(move, { states, config: before }),
    ...objectFindings(move, source.others, before),
    ...requiredCrdFindings(move, after, states),
  ];
}

function distance(
  { name, before }: CheckedCluster,
  { from, to }: { readonly from: string; readonly to: string },
  defects: readonly Defect[],
): CertificateFinding[] {
  const minors = Math.abs(semver.minor(to) - semver.minor(from));
  if (semver.major(from) === semver.major(to) && minors < 2) return [];
  const way = `${semver.major(from)}.${semver.minor(from) + Math.sign(semver.compare(to, from))}`;
  const via = pins.minors[way]?.cilium ?? way;
  // By what is set now: what the chart of that release would set is not known here.
  const of = defects.filter((d) => affects(d, { name, cilium: via, settings: before })).map((d) => d.id);
  const known = of.length === 0 ? "" : ` (which has known defects: ${of.join(", ")})`;
  return [
    {
      id: "versions-apart",
      grade: "caution",
      message: `Cilium ${from} to ${to} skips a minor: upstream tests moves over one minor only, up and down (Documentation/operations/upgrade.rst)`,
      remedy: `go by way of ${via}${known}, or certify exactly this move on a lab`,
    },
  ];
}

function kubernetesFinding(kubernetes: string | undefined, to: string): CertificateFinding[] {
  const message = kubernetes === undefined ? undefined : untestedPair(to, kubernetes);
  return message === undefined
    ? []
    : [{ id: "kubernetes-untested", grade: "caution", message, remedy: "certify this pair on a lab" }];
}

const causesShown = 3;

/** What `diagnose` finds broken now: after the upgrade it would look like the upgrade's fault. */
export function healthFindings(clusters: readonly CheckedCluster[], defects: readonly KnownDefect[]): Part {
  const whole = clusters.filter((c) => c.isWhole);
  if (whole.length === 0) return { found: [], unread: [] };
  // By what runs, whatever --from says.
  const all = diagnose({ clusters: whole.map((c) => c.snapshot) }, defects);
  // Known defects of the version that runs are findings of their own.
  const broken = all.filter((f) => f.severity === "broken" && !f.message.includes("known defect"));
  const found = broken.slice(0, causesShown).map(
    ({ cluster, message, next }): Found => ({
      cluster,
      finding: {
        id: "mesh-unhealthy",
        grade: "serious",
        message: `the mesh has a fault now: ${message}`,
        remedy: next,
      },
    }),
  );
  const rest = broken.length - found.length;
  const more: Found[] =
    rest <= 0
      ? []
      : [
          {
            cluster: whole.map((c) => c.name).join(", "),
            finding: {
              id: "mesh-unhealthy",
              grade: "serious",
              message: `the mesh has ${rest} more faults now`,
              remedy: "run diagnose with the same files for all of them",
            },
          },
        ];
  return {
    found: [...found, ...more],
    unread: all
      .filter((f) => f.severity === "unread")
      .map(({ message, next }) => ({ message, remedy: next })),
  };
}
