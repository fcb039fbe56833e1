import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { diagnose } from "#harness/diagnose/index.ts";
import { collectEvidence, writeEvidence } from "#harness/evidence/evidence.ts";
import { snapshotOf } from "#harness/evidence/snapshot.ts";
import { messageOf } from "#harness/lib/errors.ts";
import type { RunContext } from "#harness/model/run-context.ts";
import { diagnosisFile, runDirOf } from "./run-dir.ts";

/** Collects and diagnoses the evidence of a suite that failed, while everything still stands. Trouble is only printed. */
export async function keepEvidence(mesh: Mesh, suite: string, run: RunContext): Promise<void> {
  try {
    const evidence = await collectEvidence(mesh, { logs: run.fault === undefined, bugtool: run.bugtool });
    const dir = join(runDirOf(run), "artifacts", suite);
    await writeEvidence(evidence, dir);
    await writeFile(join(dir, diagnosisFile), JSON.stringify(diagnose(snapshotOf(evidence)), null, 1));
  } catch (error) {
    console.error(`evidence: ${messageOf(error)}`);
  }
}
