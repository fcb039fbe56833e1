import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import semver from "semver";
import { readYaml } from "#harness/config/yaml-file.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { checkRecord, parseRecord } from "#harness/lib/records.ts";
import { readSeries } from "#harness/measure/series.ts";
import { certificateFormat } from "#harness/model/certificate.ts";
import { type Published, publishedFormat } from "#harness/model/published.ts";
import { output } from "#harness/platform/command.ts";
import { repoRoot, writeAtomic } from "#harness/platform/paths.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { certificateHtml } from "#harness/report/certificate-html.ts";
import { headlineTable, limits, publishedHtml, resultsTable } from "#harness/report/published.ts";

const publishedDir = join(repoRoot(), "reports/published");
export const tableMarks = ["<!-- published figures -->", "<!-- end of published figures -->"] as const;

/** Pages with a table of published figures, by path from the root of the repository. */
export const tables: readonly (readonly [file: string, tableOf: (all: readonly Published[]) => string])[] = [
  ["README.md", headlineTable],
  ["docs/results/README.md", resultsTable],
];

/** Makes `reports/published/<version>/failover.json` and its page from a series, and updates the tables of figures. */
export async function publish(series: string, command: string): Promise<string[]> {
  const measurements = readSeries(series);
  const [cilium, ...others] = new Set(measurements.map((m) => m.setting.cilium));
  if (
    cilium === undefined ||
    others.length > 0 ||
    new Set(measurements.map((m) => JSON.stringify(m.setting))).size !== 1
  )
    throw new MeshproofError(
      "usage",
      `${series} contains ${measurements.length === 0 ? "no measurement" : "measurements of several settings"}`,
      { remedy: "name a series of one Cilium version, on one machine, from `test --series`" },
    );
  const published: Published = {
    schema: 1,
    cilium,
    publishedAt: wallLabel(),
    meshproof: (await output("git", ["-C", repoRoot(), "rev-parse", "--short", "HEAD"])).trim(),
    command,
    limits: [...limits],
    measurements,
  };
  const dir = join(publishedDir, published.cilium);
  await mkdir(dir, { recursive: true });
  const lines = measurements.map((m) => `    ${JSON.stringify(m)}`).join(",\n");
  const { measurements: _measurements, ...head } = published;
  await writeReportFile(
    join(dir, "failover.json"),
    `${JSON.stringify(head, null, 2).replace(/\n}$/, "")},\n  "measurements": [\n${lines}\n  ]\n}\n`,
  );
  await writeReportFile(join(dir, "failover.html"), publishedHtml(published));
  const all = await readPublished();
  for (const [file, tableOf] of tables) {
    const path = join(repoRoot(), file);
    await writeAtomic(path, withTable(file, await readFile(path, "utf8"), tableOf(all)));
  }
  return [join(dir, "failover.json"), join(dir, "failover.html"), ...tables.map(([file]) => file)];
}

/** Publishes a certificate written by `certify`, under its target version. */
export async function publishCertificate(file: string): Promise<string[]> {
  const certificate = checkRecord(await readYaml(file, "a certificate"), certificateFormat, {
    what: `certificate ${file}`,
    remedy: "name a run's certificate.yaml",
  });
  const dir = join(publishedDir, certificate.to);
  const name = join(dir, `upgrade-from-${certificate.from}`);
  await mkdir(dir, { recursive: true });
  await writeReportFile(`${name}.yaml`, await readFile(file, "utf8"));
  await writeReportFile(`${name}.html`, certificateHtml(certificate));
  return [`${name}.yaml`, `${name}.html`];
}

/** Every published version, oldest first. */
export async function readPublished(): Promise<Published[]> {
  const all: Published[] = [];
  for (const entry of await readdir(publishedDir, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const file = join(publishedDir, entry.name, "failover.json");
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text !== undefined)
      all.push(
        parseRecord(text, publishedFormat, {
          what: `published figures ${file}`,
          remedy: "restore the file from git, or regenerate it with `npm run publish-figures`",
        }),
      );
  }
  return all.sort((a, b) => semver.compare(a.cilium, b.cilium));
}

/** `text` of `file` with the table of figures between its marks. */
function withTable(file: string, text: string, table: string): string {
  const [begin, end] = tableMarks;
  const from = text.indexOf(begin);
  const until = text.indexOf(end);
  if (from < 0 || until < from)
    throw new MeshproofError("usage", `${file} has no ${begin} ... ${end}`, {
      remedy: "put the two lines where the table belongs",
    });
  return `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(until)}`;
}
