import { mkdir, readFile } from "node:fs/promises";
import { isAbsolute, join, relative, resolve } from "node:path";
import { readYaml } from "#harness/config/yaml-file.ts";
import { keyOf, mostLossBytes, refusalsOf, troublesOf } from "#harness/judge/provenance.ts";
import { certificateViolations } from "#harness/judge/published-certificate.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { checkRecord } from "#harness/lib/records.ts";
import { lossesBeside, packedLine, readLosses } from "#harness/measure/loss-files.ts";
import { readSeries } from "#harness/measure/series.ts";
import { certificateFormat } from "#harness/model/certificate.ts";
import type { LossRecord } from "#harness/model/loss-record.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import type { Published, Spoiled } from "#harness/model/published.ts";
import { output } from "#harness/platform/command.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { certificateHtml } from "#harness/report/certificate-html.ts";
import { limits } from "#harness/report/published.ts";
import { publishedDir, writePages } from "./pages.ts";

/**
 * Makes `reports/published/<version>/` from the series of a campaign, and updates the pages. Refuses a tree with changes,
 * a stale method and mixed settings. Measurements that the test machine spoiled are left out, and listed.
 */
export async function publish(
  series: readonly string[],
  command: string,
  say: (line: string) => void,
): Promise<string[]> {
  const commit = await commitOf(series);
  const all = series.flatMap((file) => readSeries(file));
  const spoiled = all.filter((m) => troublesOf(m).length > 0);
  const measurements = all.filter((m) => troublesOf(m).length === 0);
  for (const s of spoiled.map(spoiledOf))
    say(`not published, ${s.scenario}, ${s.affinity}: ${s.why.join("; ")}`);
  const losses = lossRecordsOf(series, measurements);
  const lines = losses.records.map((r) => `${packedLine(r)}\n`).join("");
  refuse(series, [
    ...(measurements.length === 0 ? ["there is no measurement that the test machine did not spoil"] : []),
    ...refusalsOf(measurements),
    ...losses.missing.map((m) => `${m.scenario}, ${m.affinity}, ${m.at}: there is no loss record`),
    ...(Buffer.byteLength(lines) > mostLossBytes
      ? [`the loss records take ${Buffer.byteLength(lines)} bytes, at most ${mostLossBytes} may be`]
      : []),
  ]);
  const published: Published = {
    schema: 2,
    cilium: found(measurements[0], "measurement to publish").setting.cilium,
    publishedAt: wallLabel(),
    meshproof: commit,
    command,
    series: series.map(inRepository),
    limits: [...limits],
    spoiled: spoiled.map(spoiledOf),
    measurements,
  };
  const dir = join(publishedDir, published.cilium);
  await mkdir(dir, { recursive: true });
  await writeReportFile(join(dir, "failover.json"), jsonOf(published));
  await writeReportFile(join(dir, "losses.ndjson"), lines);
  return [
    ...["failover.json", "failover.html", "losses.ndjson"].map((f) => join(dir, f)),
    ...(await writePages()),
  ];
}

/** One measurement a line, so that a change of one is one line of a diff. */
function jsonOf({ measurements, ...head }: Published): string {
  const lines = measurements.map((m) => `    ${JSON.stringify(m)}`).join(",\n");
  return `${JSON.stringify(head, null, 2).replace(/\n}$/, "")},\n  "measurements": [\n${lines}\n  ]\n}\n`;
}

const spoiledOf = (m: Measurement): Spoiled => ({
  scenario: m.scenario,
  affinity: m.affinity,
  tuned: m.tuned === true,
  application: m.application ?? "exits",
  runId: m.runId,
  at: m.at,
  why: [...troublesOf(m)],
});

function lossRecordsOf(
  series: readonly string[],
  measurements: readonly Measurement[],
): { readonly records: readonly LossRecord[]; readonly missing: readonly Measurement[] } {
  const all = new Map(series.flatMap((file) => readLosses(lossesBeside(file))).map((r) => [keyOf(r), r]));
  return {
    records: measurements.flatMap((m) => all.get(keyOf(m)) ?? []),
    missing: measurements.filter((m) => !all.has(keyOf(m))),
  };
}

/** The commit of a tree without changes, in which the series are. */
async function commitOf(series: readonly string[]): Promise<string> {
  const git = async (...args: string[]): Promise<string> =>
    (await output("git", ["-C", repoRoot(), ...args])).trim();
  const changed = await git("status", "--porcelain");
  refuse(series, [
    ...(changed === "" ? [] : [`the tree has changes: ${changed.split("\n").slice(0, 3).join(", ")}`]),
  ]);
  for (const file of series)
    if ((await git("ls-files", "--", inRepository(file))) === "")
      refuse(series, [`${file} is not committed in this repository`]);
  return git("rev-parse", "--short", "HEAD");
}

function inRepository(file: string): string {
  const path = relative(repoRoot(), resolve(file));
  if (path.startsWith("..") || isAbsolute(path)) refuse([file], ["it is outside this repository"]);
  return path;
}

function refuse(series: readonly string[], reasons: readonly string[]): void {
  if (reasons.length > 0)
    throw new MeshproofError("usage", `${series.join(", ")} cannot be published: ${reasons.join("; ")}`, {
      remedy:
        "commit the series below reports/campaigns/ and everything else, and name series of one Cilium version, measured by the present method from committed sources",
    });
}

/** Publishes a certificate written by `certify`, under its target version. Refuses one that the checker would refuse. */
export async function publishCertificate(file: string): Promise<string[]> {
  const certificate = checkRecord(await readYaml(file, "a certificate"), certificateFormat, {
    what: `certificate ${file}`,
    remedy: "name a run's certificate.yaml or reverse.yaml",
  });
  const violations = certificateViolations(certificate);
  if (violations.length > 0)
    throw new MeshproofError(
      "usage",
      `${file} cannot be published: ${violations.map((v) => `${v.rule}: ${v.what}`).join("; ")}`,
      {
        remedy:
          "certify with at least 5 cycles from committed sources, or render enough cycles with --from-cycles",
      },
    );
  const dir = join(publishedDir, certificate.to);
  const name = join(dir, `upgrade-from-${certificate.from}`);
  await mkdir(dir, { recursive: true });
  await writeReportFile(`${name}.yaml`, await readFile(file, "utf8"));
  await writeReportFile(`${name}.html`, certificateHtml(certificate));
  return [`${name}.yaml`, `${name}.html`, ...(await writePages())];
}
