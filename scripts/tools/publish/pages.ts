import { globSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import semver from "semver";
import { parse as parseYaml } from "yaml";
import { MeshproofError } from "#harness/lib/errors.ts";
import { checkRecord, parseRecord } from "#harness/lib/records.ts";
import { type Certificate, certificateFormat } from "#harness/model/certificate.ts";
import { keyColumns, type Published, publishedFormat } from "#harness/model/published.ts";
import { repoRoot, writeAtomic } from "#harness/platform/paths.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { publishedHtml } from "#harness/report/published.ts";
import { headlineTable, resultsTable } from "#harness/report/published-tables.ts";
import { notesText } from "./notes.ts";

export const publishedDir = join(repoRoot(), "reports/published");

/** A generated part of a page, between two comments. */
export interface GeneratedPart {
  /** Path from the root of the repository. */
  readonly file: string;
  readonly name: string;
  readonly text: (all: readonly Published[]) => string;
}

export const parts: readonly GeneratedPart[] = [
  { file: "README.md", name: "published figures", text: headlineTable },
  { file: "docs/results/README.md", name: "published figures", text: resultsTable },
  { file: "docs/results/README.md", name: "published notes", text: notesText },
  { file: "docs/results/README.md", name: "published files", text: publishedFiles },
];

/** A published certificate; its page is beside it. */
export interface PublishedCertificate {
  readonly file: string;
  readonly certificate: Certificate;
}

/** Every published certificate. */
export function readCertificates(dir = publishedDir): PublishedCertificate[] {
  return globSync("*/upgrade-from-*.yaml", { cwd: dir })
    .sort()
    .map((file) => ({
      file,
      certificate: checkRecord(parseYaml(readFileSync(join(dir, file), "utf8")), certificateFormat, {
        what: `the published certificate ${file}`,
        remedy: "certify again, and publish that",
      }),
    }));
}

/** Every published version, oldest first. */
export async function readPublished(): Promise<Published[]> {
  const all: Published[] = [];
  for (const file of globSync("*/failover.json", { cwd: publishedDir }))
    all.push(
      parseRecord(await readFile(join(publishedDir, file), "utf8"), publishedFormat, {
        what: `published figures ${file}`,
        remedy: "restore the file from git, or regenerate it with `npm run publish-figures`",
      }),
    );
  return all.sort((a, b) => semver.compare(a.cilium, b.cilium));
}

/** Writes the page of every version and the generated parts of the others; returns the latter. */
export async function writePages(): Promise<string[]> {
  const all = await readPublished();
  for (const published of all)
    await writeReportFile(join(publishedDir, published.cilium, "failover.html"), publishedHtml(published));
  for (const { file, name, text } of parts) {
    const path = join(repoRoot(), file);
    const page = await readFile(path, "utf8");
    const [from, until] = placeOf(file, page, name);
    await writeAtomic(path, `${page.slice(0, from)}\n\n${text(all)}\n\n${page.slice(until)}`);
  }
  return [...new Set(parts.map(({ file }) => file))];
}

/** The generated part as it is on its page. */
export function partOf({ file, name }: GeneratedPart, page: string): string {
  return page.slice(...placeOf(file, page, name)).trim();
}

function placeOf(file: string, page: string, name: string): [number, number] {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const from = page.indexOf(begin);
  const until = page.indexOf(end);
  if (from < 0 || until < from)
    throw new MeshproofError("usage", `${file} has no ${begin} ... ${end}`, {
      remedy: "put the two lines where the generated part belongs",
    });
  return [from + begin.length, until];
}

/** Links to the files of `reports/published/`, from the page of results. */
function publishedFiles(versions: readonly Published[]): string {
  const page = dirname(join(repoRoot(), "docs/results/README.md"));
  const link = (file: string): string =>
    `[${file}](${relative(page, join(publishedDir, file)).replaceAll("\\", "/")})`;
  const figures = versions.flatMap(({ cilium, measurements }) => [
    `- ${link(`${cilium}/failover.html`)}: ${measurements.length} measurements of Cilium ${cilium} as a page: every link, every vantage point, latency, and the fate of established connections; as data: ${link(`${cilium}/failover.json`)}; every request of them, run-length coded: ${link(`${cilium}/losses.ndjson`)}`,
  ]);
  const certificates = globSync("*/upgrade-from-*.html", { cwd: publishedDir })
    .sort()
    .map((file) => `- ${link(file)}: a [certificate](#certificates), with a \`.yaml\` file`);
  const all = [...figures, ...certificates];
  return all.length === 0 ? "Nothing yet." : all.join("\n");
}

/** The rows of the Markdown tables of a text, by column; none if it has no table. */
export function tableRows(text: string): Record<string, string>[] {
  const rows: Record<string, string>[] = [];
  let head: readonly string[] | undefined;
  for (const line of text.split("\n")) {
    if (!line.startsWith("|")) {
      head = undefined;
      continue;
    }
    const cells = line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((c) => c.trim().replaceAll("\\|", "|"));
    if (head === undefined) head = cells;
    else if (!cells.every((c) => /^:?-+:?$/.test(c)))
      rows.push(Object.fromEntries(head.map((column, i) => [column, cells[i] ?? ""])));
  }
  return rows;
}

/** The same of several tables of the same rows, each row whole. */
export function wholeRows(text: string): Record<string, string>[] {
  const parts = Map.groupBy(tableRows(text), (row) => JSON.stringify(keyColumns.map((c) => row[c])));
  return [...parts.values()].map((of) => Object.assign({}, ...of) as Record<string, string>);
}
