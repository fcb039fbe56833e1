import type { Finding } from "#harness/core/finding.ts";
import { diagnose } from "#harness/diagnose/index.ts";
import { requireLab } from "#harness/lab/lab.ts";
import { Mesh } from "#harness/mesh/mesh.ts";
import { type ClusterEvidence, collectEvidence } from "#harness/observe/evidence.ts";
import { readEvidence, snapshotOf } from "#harness/observe/snapshot.ts";

/** What is wrong with a lab that is up, by what it shows alone: the fault journal is not read, nothing is healed. */
export async function diagnoseLab(lab: string): Promise<Finding[]> {
  const mesh = new Mesh(await requireLab(lab));
  return diagnose(snapshotOf(await collectEvidence(mesh, { logs: false })));
}

/** The same from folders of evidence, with no cluster. */
export async function diagnoseFiles(paths: readonly string[]): Promise<Finding[]> {
  const evidence = new Map<string, ClusterEvidence>();
  for (const path of paths) for (const [name, files] of await readEvidence(path)) evidence.set(name, files);
  return diagnose(snapshotOf(evidence));
}

/** As a person reads it: the first line is the deepest cause. */
export function describeFindings(findings: readonly Finding[]): string[] {
  if (findings.length === 0) return ["nothing is wrong that these checks know of"];
  return findings.flatMap((f, i) => [
    `${i + 1}. [${f.layer}${f.severity === "suspect" ? ", suspect" : ""}] ${f.subject}`,
    `   ${f.message}`,
    `   next: ${f.next}`,
  ]);
}
