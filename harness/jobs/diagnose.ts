import { stat } from "node:fs/promises";
import { Mesh } from "#harness/cluster/mesh.ts";
import { readingUserFile } from "#harness/config/user-file.ts";
import { diagnose } from "#harness/diagnose/index.ts";
import { type ClusterEvidence, collectEvidence } from "#harness/evidence/evidence.ts";
import { readEvidence, snapshotOf } from "#harness/evidence/snapshot.ts";
import { readSysdump } from "#harness/evidence/sysdump/sysdump.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Finding } from "#harness/model/finding.ts";
import { requireLab } from "#harness/state/lab.ts";

/** Findings on a running lab from observation only: the fault journal is not read, nothing is healed. */
export async function diagnoseLab(lab: string): Promise<Finding[]> {
  const mesh = new Mesh(await requireLab(lab));
  return diagnose(snapshotOf(await collectEvidence(mesh, { logs: false })));
}

/** The same from folders of evidence and sysdump archives, with no cluster. */
export async function diagnoseFiles(paths: readonly string[]): Promise<Finding[]> {
  const evidence = new Map<string, ClusterEvidence>();
  const from = new Map<string, string>();
  for (const path of paths)
    for (const [name, files] of await readingUserFile(path, "evidence", remedy, () => readPath(path))) {
      const twin = from.get(name);
      if (twin !== undefined)
        throw new MeshproofError("usage", `${twin} and ${path} are both from cluster ${name}`, {
          remedy: "give one per cluster",
        });
      from.set(name, path);
      evidence.set(name, files);
    }
  return diagnose(snapshotOf(evidence));
}

const remedy = "give a folder such as reports/latest/artifacts/<suite>, or a zip written by `cilium sysdump`";

/** A folder is evidence of a run; a file is a sysdump. */
async function readPath(path: string): Promise<ReadonlyMap<string, ClusterEvidence>> {
  if ((await stat(path).catch(() => undefined))?.isDirectory() === true) return readEvidence(path);
  const { cluster, evidence } = await readSysdump(path);
  return new Map([[cluster, evidence]]);
}
