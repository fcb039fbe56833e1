import { globSync } from "node:fs";
import { basename } from "node:path";
import { Mesh } from "#harness/cluster/mesh.ts";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import { readingUserFile } from "#harness/config/user-file.ts";
import { diagnose } from "#harness/diagnose/index.ts";
import { whatIf } from "#harness/diagnose/what-if.ts";
import { type ClusterEvidence, collectEvidence } from "#harness/evidence/evidence.ts";
import { type Manifests, policyKinds, readManifests } from "#harness/evidence/manifests.ts";
import { policiesOf } from "#harness/evidence/policy-objects.ts";
import { readEvidence, snapshotOf } from "#harness/evidence/snapshot.ts";
import { hasObjects, mergedEvidence, readSysdumps } from "#harness/evidence/sysdump/sysdump.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { WhatIfQuestion, WhatIfReport } from "#harness/model/what-if.ts";
import { requireLab } from "#harness/state/lab.ts";
import { suitesDir } from "#harness/testkit/suite-list.ts";
import { collectLinks } from "./collect-links.ts";
import { collectSizes } from "./collect-sizes.ts";

/** Findings on a running lab from observation only: the fault journal is not read, nothing is healed. */
export async function diagnoseLab(lab: string): Promise<Finding[]> {
  return diagnosed(await evidenceWithSizes(new Mesh(await requireLab(lab))));
}

/** What `diagnose` reads of a running lab. */
export async function evidenceWithSizes(mesh: Mesh): Promise<ReadonlyMap<string, ClusterEvidence>> {
  const [evidence, sizes] = await Promise.all([collectEvidence(mesh, { logs: false }), collectSizes(mesh)]);
  // Links are read only where they may explain something.
  const loses = [...sizes.values()].some((text) => text.includes('"answered":false'));
  const links = loses ? await collectLinks(mesh) : undefined;
  return new Map(
    [...evidence].map(([cluster, files]) => {
      const more = { "sizes.json": sizes.get(cluster), "links.json": links?.get(cluster) };
      const read = Object.entries(more).flatMap(([name, text]) =>
        text === undefined ? [] : [[name, text] as const],
      );
      return [cluster, new Map([...files, ...read])] as const;
    }),
  );
}

/** The same from folders of evidence and sysdump archives, with no cluster. */
export async function diagnoseFiles(paths: readonly string[]): Promise<Finding[]> {
  return diagnosed(await evidenceOfFiles(paths));
}

/** With the defects of Cilium that the repository's list knows. */
async function diagnosed(evidence: ReadonlyMap<string, ClusterEvidence>): Promise<Finding[]> {
  return diagnose(snapshotOf(evidence), await readKnownDefects(suitesDir()));
}

/** What a setting would change: of a running lab, or of archives and manifests if there are any. */
export async function askWhatIf(
  question: WhatIfQuestion,
  from: { readonly lab: string; readonly paths: readonly string[] },
): Promise<WhatIfReport> {
  const manifests = new Map<string, Manifests>();
  const read = async (path: string): Promise<ReadonlyMap<string, ClusterEvidence>> => {
    const found = await readManifests(path);
    if (found === undefined) return readPath(path);
    manifests.set(found.cluster, found);
    return new Map([[found.cluster, found.evidence]]);
  };
  const evidence = await (from.paths.length === 0
    ? evidenceOfLab(from.lab)
    : evidenceOfFiles(from.paths, read));
  if (manifests.size === evidence.size) requirePolicies([...manifests.values()]);
  const policies = new Map(
    [...evidence].map(([name, files]) => [
      name,
      { ...policiesOf(files), ...(manifests.has(name) ? { manifests: true as const } : {}) },
    ]),
  );
  return whatIf(snapshotOf(evidence), policies, {
    ...question,
    defects: await readKnownDefects(suitesDir()),
  });
}

/** A cluster without policies is a peer of the others; files without any are the wrong files. */
function requirePolicies(manifests: readonly Manifests[]): void {
  if (manifests.length === 0 || manifests.some((m) => m.hasPolicies)) return;
  const paths = manifests.map((m) => m.path).join(", ");
  throw new MeshproofError(
    "usage",
    `${paths} ${manifests.length === 1 ? "holds" : "hold"} no ${policyKinds.join(", ")}`,
    { remedy: "give manifests of policies, output of `kubectl get -o yaml`, or a sysdump" },
  );
}

async function evidenceOfLab(lab: string): Promise<ReadonlyMap<string, ClusterEvidence>> {
  return collectEvidence(new Mesh(await requireLab(lab)), { logs: false });
}

/** The evidence of every cluster in folders and archives; two of one cluster are refused. */
export async function evidenceOfFiles(
  paths: readonly string[],
  read: (path: string) => Promise<ReadonlyMap<string, ClusterEvidence>> = readPath,
): Promise<ReadonlyMap<string, ClusterEvidence>> {
  const evidence = new Map<string, ClusterEvidence>();
  const from = new Map<string, string>();
  for (const path of paths)
    for (const [name, files] of await readingUserFile(path, "evidence", remedy, () => read(path))) {
      const twin = evidence.get(name);
      if (twin !== undefined && hasObjects(twin) && hasObjects(files)) {
        if (!areTwoClusters(twin, files))
          throw new MeshproofError("usage", `${from.get(name)} and ${path} are both from cluster ${name}`, {
            remedy: "give one per cluster",
          });
        // Cluster names must be unique in a mesh, so this is a finding.
        evidence.set(`${name} (${basename(path)})`, files);
        continue;
      }
      from.set(name, path);
      evidence.set(name, twin === undefined ? files : mergedEvidence(twin, files));
    }
  return evidence;
}

/** Whether a folder holds evidence of a run, or is the parent of one that does. */
export const isEvidenceFolder = (path: string): boolean =>
  globSync(["*/pods.json", "*/*/pods.json"], { cwd: path }).length > 0;

/** The unique id of `kube-system` is that of the cluster; without it, two archives of a name are of one cluster. */
function areTwoClusters(a: ClusterEvidence, b: ClusterEvidence): boolean {
  const [one, other] = [a, b].map((files) => {
    const text = files.get("namespaces.json") ?? "[]";
    if (!text.startsWith("[")) return undefined;
    const namespaces = JSON.parse(text) as { metadata: { name: string; uid?: string } }[];
    return namespaces.find((n) => n.metadata.name === "kube-system")?.metadata.uid;
  });
  return one !== undefined && other !== undefined && one !== other;
}

const remedy =
  "give what `cilium sysdump` or `cilium-bugtool` wrote, or a folder such as reports/latest/artifacts/<suite>";

/** A folder is an unpacked sysdump or evidence of a run; a file is an archive. */
async function readPath(path: string): Promise<ReadonlyMap<string, ClusterEvidence>> {
  const dumps = await readSysdumps(path);
  if (dumps.length > 0) return new Map(dumps.map((d) => [d.cluster, d.evidence]));
  return readEvidence(path);
}
