import { mkdir, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MeshproofError } from "#harness/lib/errors.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { printable } from "#harness/lib/visible.ts";
import type { History } from "#harness/model/history.ts";
import { type Redaction, type RunRecord, runRecordFormat } from "#harness/model/record.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { redactionsIn, redactionsOfText } from "#harness/platform/report-redactions.ts";
import { redactText } from "#harness/platform/scan-secrets.ts";
import { readHistory, writeCsv } from "#harness/probe/history-file.ts";
import { toHtml } from "#harness/report/html.ts";
import { killSuite, toJunit } from "#harness/report/junit.ts";
import { drawnHistories } from "#harness/report/measurements-html.ts";
import { runFolder } from "#harness/testkit/run-dir.ts";

/** Rendered from the record. */
const rendered = ["report.json", "junit.xml", "report.html"];

/**
 * `report.json`, `junit.xml` and `report.html` of a finished run; `reports/latest` points at it. Returns the secrets
 * that were redacted from the report's files, without their text.
 */
export async function writeReport(dir: string, record: RunRecord): Promise<readonly Redaction[]> {
  await mkdir(dir, { recursive: true });
  // In JSON names and values are adjacent; the page and JUnit are rendered from the redacted record.
  const text = await redactText(JSON.stringify({ ...record, redactions: undefined }));
  const redactions = [...(await redactionsIn(dir, rendered)), ...redactionsOfText("report.json", text)];
  const run: RunRecord = {
    ...(JSON.parse(text) as RunRecord),
    ...(redactions.length === 0 ? {} : { redactions }),
  };
  await writeReportFile(join(dir, "report.json"), `${printable(JSON.stringify(run, null, 2))}\n`);
  await writeReportFile(join(dir, "junit.xml"), junitOf(run));
  await writeReportFile(join(dir, "report.html"), toHtml(run, await readHistories(dir, run)));
  const latest = join(dirname(dir), "latest");
  // Atomic: two runs may end at once, and a reader must find one of them.
  const staging = `${latest}.${process.pid}.part`;
  await rm(staging, { force: true });
  await symlink(run.runId, staging);
  await rename(staging, latest);
  return redactions;
}

function junitOf(run: RunRecord): string {
  const suites = run.killMatrix === undefined ? run.suites : [...run.suites, killSuite(run.killMatrix)];
  return toJunit({ ...run, suites, properties: junitProperties(run) });
}

export function junitProperties(
  run: Omit<RunRecord, "suites" | "totals" | "exitCode" | "durationMs">,
): Record<string, string> {
  const properties: Record<string, string> = {
    kernel: run.kernel,
    imageSource: run.imageSource,
    lab: run.lab,
    profile: run.profile,
    meshproof: run.meshproof,
    reproduce: run.command,
  };
  for (const c of run.clusters) {
    properties[`${c.name}.cilium`] = c.cilium;
    properties[`${c.name}.kubernetes`] = c.kubernetes;
    properties[`${c.name}.nodeImage`] = `${c.nodeImage} ${c.nodeImageId}`;
  }
  return properties;
}

/** The histories that the page draws; the page reports a truncated one as missing. */
async function readHistories(dir: string, run: RunRecord): Promise<Map<string, History>> {
  const histories = new Map<string, History>();
  for (const file of drawnHistories(run)) {
    const history = await readHistory(join(dir, "histories", file)).catch(() => undefined);
    if (history !== undefined) histories.set(file, history);
  }
  return histories;
}

/** Writes every history of a run as CSV next to it; returns the files. */
export async function exportCsv(runId: string): Promise<string[]> {
  const dir = join(runFolder(runId), "histories");
  const files = (await readdir(dir).catch(() => [])).filter((f) => f.endsWith(".ndjson"));
  if (files.length === 0)
    throw new MeshproofError("usage", `run ${runId} has no histories`, {
      remedy: "name a run whose suites measure, such as failover",
    });
  const written: string[] = [];
  for (const file of files.sort()) {
    const to = join(dir, file.replace(/\.ndjson$/, ".csv"));
    await writeCsv(to, await readHistory(join(dir, file)));
    written.push(to);
  }
  return written;
}

/** The record of a finished run. Throws `usage` if there is none, `config-invalid` if it is damaged. */
export async function readRun(dir: string): Promise<RunRecord> {
  const text = await readFile(join(dir, "report.json"), "utf8").catch((error: unknown) => {
    throw new MeshproofError("usage", `there is no finished run in ${dir}`, {
      cause: error,
      remedy: "name a folder of reports/ that contains a report.json, or latest",
    });
  });
  return parseRecord(text, runRecordFormat, {
    what: `the report of a run (${join(dir, "report.json")})`,
    remedy: "name another run, or run it again",
  });
}

/** Renders a finished run again from its files; returns the page's path. */
export async function renderAgain(runId: string): Promise<string> {
  const dir = runFolder(runId);
  const run = await readRun(dir);
  await writeReportFile(join(dir, "junit.xml"), junitOf(run));
  await writeReportFile(join(dir, "report.html"), toHtml(run, await readHistories(dir, run)));
  return join(dir, "report.html");
}
