import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import { packFixture } from "#harness/diagnose/fixture.ts";
import { diagnose } from "#harness/diagnose/index.ts";
import { readEvidence, snapshotOf } from "#harness/evidence/snapshot.ts";
import { faultNamed } from "#harness/faults/index.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { namesOneOf } from "#harness/model/finding.ts";
import { runRecordFormat } from "#harness/model/record.ts";
import { repoRoot, writeAtomic } from "#harness/platform/paths.ts";
import { suitesDir } from "#harness/testkit/suite-list.ts";

/**
 * Turns the evidence of a `prove` run into fixtures for diagnose's unit tests, one per fault. Reports each fault that
 * `diagnose` did not name first, and writes no fixture for it.
 */
export async function faultFixtures(proveDir: string, say: (line: string) => void): Promise<number> {
  const home = join(repoRoot(), "harness/diagnose/fixtures");
  await mkdir(home, { recursive: true });
  const runs = await readdir(join(proveDir, "faults")).catch(() => {
    throw new MeshproofError("usage", `${proveDir} is not the folder of a \`prove\` run`, {
      remedy: "name a folder such as reports/latest",
    });
  });
  const defects = await readKnownDefects(suitesDir());
  let written = 0;
  for (const run of runs.filter((r) => /^\d/.test(r)).sort()) {
    const dir = join(proveDir, "faults", run);
    const file = join(dir, "report.json");
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const record = parseRecord(text, runRecordFormat, { what: `report ${file}`, remedy: "prove again" });
    const fault = record.fault ?? "";
    if (faultNamed(fault).traceless !== undefined) continue;
    const failed = record.suites.find((s) => s.tests.some((t) => t.outcome === "fail"));
    const names = failed?.tests.find((t) => t.notes.fault !== undefined)?.notes.fault?.names ?? [];
    if (failed === undefined) {
      say(`none  ${fault}: no test failed`);
      continue;
    }
    const snapshot = snapshotOf(await readEvidence(join(dir, "artifacts", failed.name)));
    const [first] = diagnose(snapshot, defects);
    if (first === undefined || !namesOneOf(first, names)) {
      say(`none  ${fault} (${names.join(", ")}): first finding: ${first?.message ?? "none"}`);
      continue;
    }
    await writeAtomic(join(home, `${fault}.json.gz`), packFixture({ fault, names, snapshot }));
    say(`kept  ${fault}: [${first.layer}] ${first.message}`);
    written += 1;
  }
  return written;
}
