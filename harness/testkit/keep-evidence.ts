import { join } from "node:path";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import { diagnose } from "#harness/diagnose/index.ts";
import { collectEvidence, writeEvidence } from "#harness/evidence/evidence.ts";
import { snapshotOf } from "#harness/evidence/snapshot.ts";
import { formatMs } from "#harness/lib/clock.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { pause } from "#harness/lib/eventually.ts";
import type { RunContext } from "#harness/model/run-context.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { diagnosisFile, runDirOf } from "./run-dir.ts";
import { suitesDir } from "./suite-list.ts";

/** Bugtool's three minutes, plus time for diagnosing and writing. */
const withinMs = 270_000;

/**
 * Collects and diagnoses the evidence of a failed suite before its teardown. An error or a timeout is only printed,
 * because vitest skips the teardown after a failed hook.
 */
export async function keepEvidence(mesh: Mesh, suite: string, run: RunContext): Promise<void> {
  const done = new AbortController();
  const late = pause(withinMs, done.signal).then(
    () => console.error(`evidence: not collected within ${formatMs(withinMs)}`),
    () => {},
  );
  try {
    await Promise.race([collect(mesh, suite, run), late]);
  } catch (error) {
    console.error(`evidence: ${messageOf(error)}`);
  } finally {
    done.abort();
  }
}

async function collect(mesh: Mesh, suite: string, run: RunContext): Promise<void> {
  const evidence = await collectEvidence(mesh, { logs: run.fault === undefined, bugtool: run.bugtool });
  const dir = join(runDirOf(run), "artifacts", suite);
  await writeEvidence(evidence, dir);
  const findings = diagnose(snapshotOf(evidence), await readKnownDefects(suitesDir()));
  await writeReportFile(join(dir, diagnosisFile), JSON.stringify(findings, null, 1));
}
