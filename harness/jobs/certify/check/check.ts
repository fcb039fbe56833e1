import { join } from "node:path";
import { readKnownDefects, readUntestedDefects } from "#harness/config/known-defects.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { type CertificateFinding, type Grade, reaches } from "#harness/model/certificate-finding.ts";
import type { KnownDefect, UntestedDefect } from "#harness/model/known-defect.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { isIdUnknown } from "../../repro/cluster-ids.ts";
import { certificateFindings } from "./certificate-findings.ts";
import { type CheckedCluster, checkedMesh, type ReadMesh } from "./checked-mesh.ts";
import { defectFindings } from "./defect-findings.ts";
import { merged, type Part, type Unread } from "./found.ts";
import { namespaceFindings } from "./namespace-findings.ts";
import { objectDefects } from "./object-defects.ts";
import { healthFindings, versionFindings } from "./other-findings.ts";
import { policyFindings } from "./policy-findings.ts";
import { readFiles } from "./read-files.ts";
import { trustFindings } from "./trust-findings.ts";
import { valueFindings } from "./value-findings.ts";

/** What an operator should know before an upgrade, from what was read without a lab. */
export interface CheckReport {
  readonly to: string;
  /** `from` is null if nothing tells the version that runs. */
  readonly clusters: readonly { readonly name: string; readonly from: string | null }[];
  readonly findings: readonly CertificateFinding[];
  readonly unread: readonly Unread[];
}

export interface Versions {
  readonly from: string | undefined;
  readonly to: string;
}

/** From archives, folders of evidence, Helm values and manifests, in any combination. */
export const checkFiles = async (paths: readonly string[], versions: Versions): Promise<CheckReport> =>
  checkMesh(await readFiles(paths), versions);

export async function checkMesh(read: ReadMesh, versions: Versions): Promise<CheckReport> {
  const suites = join(repoRoot(), "suites");
  const [defects, untested] = await Promise.all([readKnownDefects(suites), readUntestedDefects(suites)]);
  const clusters = checkedMesh(read, versions);
  if (clusters.every((c) => c.from === versions.to))
    throw new MeshproofError(
      "usage",
      `Cilium ${versions.to} runs already in ${clusters.map((c) => c.name).join(", ")}`,
      { remedy: "name the version to move to with --to" },
    );
  return reportOf(clusters, versions.to, { defects, untested });
}

interface Defects {
  readonly defects: readonly KnownDefect[];
  readonly untested: readonly UntestedDefect[];
}

export function reportOf(
  clusters: readonly CheckedCluster[],
  to: string,
  { defects, untested }: Defects,
): CheckReport {
  const all = [...defects, ...untested, ...objectDefects.map((d) => d.defect)];
  const parts: readonly Part[] = [
    healthFindings(clusters, defects),
    {
      found: valueFindings(clusters, defects),
      unread: [...clusters.flatMap(unreadValues), ...unreadIds(clusters), ...unreadNetworks(clusters)],
    },
    policyFindings(clusters, defects),
    { found: [...defectFindings(clusters, all), ...namespaceFindings(clusters)], unread: [] },
    certificateFindings(clusters),
    { found: trustFindings(clusters), unread: [] },
    ...clusters.map((c) => versionFindings(c, all)),
  ];
  const unread = new Map(parts.flatMap((p) => p.unread).map((u) => [u.message, u]));
  return {
    to,
    clusters: clusters.map(({ name, from }) => ({ name, from: from ?? null })),
    findings: merged(parts.flatMap((p) => p.found)),
    unread: [...unread.values()],
  };
}

const unreadValues = ({ name, settings }: CheckedCluster): Unread[] =>
  settings.values === undefined
    ? [
        {
          message: `Helm values of ${name} were not given: which of them the new chart refuses or ignores is not known`,
          remedy: `give ${name}=FILE with the output of helm get values cilium -n kube-system, or the values that the manifests were rendered with`,
        },
      ]
    : [];

/** Where values were given, and nothing of them tells the id. */
const unreadIds = (clusters: readonly CheckedCluster[]): Unread[] =>
  clusters
    .filter(
      ({ isWhole, settings, source }) =>
        clusters.length > 1 && !isWhole && settings.values !== undefined && isIdUnknown(source),
    )
    .map(({ name }) => ({
      message: `cluster.id of ${name} is not in what was given: whether it is that of another cluster, or none, was not checked`,
      remedy: `give ${name}=FILE with the output of helm get values cilium -n kube-system`,
    }));

/** Of loose files: an archive has pods and nodes. */
const unreadNetworks = (clusters: readonly CheckedCluster[]): Unread[] =>
  clusters
    .filter(({ isWhole, source }) => clusters.length > 1 && !isWhole && source.podNetwork.cidrs.length === 0)
    .map(({ name, source }) => ({
      message: `pod CIDRs of ${name} are not in what was given (${source.podNetwork.from}): whether they overlap those of the other clusters was not checked`,
      remedy: `give ${name}=FILE with the output of kubectl get nodes,ciliumnodes,pods -A -o yaml`,
    }));

/** 1: a finding reaches the grade; 3: none does, but something was not read. */
export const checkExitCode = ({ findings, unread }: CheckReport, failOn: Grade): 0 | 1 | 3 =>
  findings.some((f) => reaches(f, failOn)) ? 1 : unread.length > 0 ? 3 : 0;
