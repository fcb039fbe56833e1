import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readYaml } from "#harness/config/yaml-file.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { checkRecord, parseRecord } from "#harness/lib/records.ts";
import { readSeries } from "#harness/measure/series.ts";
import { certificateFormat } from "#harness/model/certificate.ts";
import { type Published, publishedFormat } from "#harness/model/published.ts";
import { output } from "#harness/platform/command.ts";
import { repoRoot, writeAtomic } from "#harness/platform/paths.ts";
import { certificateHtml } from "#harness/report/certificate-html.ts";
import { limits, publishedHtml, publishedTable } from "#harness/report/published.ts";

const publishedDir = join(repoRoot(), "reports/published");
export const tableMarks = ["<!-- published figures -->", "<!-- end of published figures -->"] as const;

/** Makes `reports/published/<version>/failover.json` and its page out of a series, and the README's table anew. */
export async function publish(series: string, command: string): Promise<string[]> {
  const measurements = readSeries(series);
  const versions = [...new Set(measurements.map((m) => m.setting.cilium))];
  if (versions.length !== 1 || new Set(measurements.map((m) => JSON.stringify(m.setting))).size !== 1)
    throw new MeshproofError(
      "usage",
      `${series} holds ${measurements.length === 0 ? "no measurement" : "measurements of several settings"}`,
      { cure: "name a series of one Cilium version, on one machine, from `test --series`" },
    );
  const published: Published = {
    schema: 1,
    cilium: versions[0]!,
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
  await writeAtomic(
    join(dir, "failover.json"),
    `${JSON.stringify(head, null, 2).replace(/\n}$/, "")},\n  "measurements": [\n${lines}\n  ]\n}\n`,
  );
  await writeAtomic(join(dir, "failover.html"), publishedHtml(published));
  const readme = join(repoRoot(), "README.md");
  await writeAtomic(readme, withTable(await readFile(readme, "utf8"), await readPublished()));
  return [join(dir, "failover.json"), join(dir, "failover.html"), readme];
}

/** A certificate as `certify` left it, under the version that it is about. */
export async function publishCertificate(file: string): Promise<string[]> {
  const certificate = checkRecord(await readYaml(file), certificateFormat, {
    what: `certificate ${file}`,
    remedy: "name a run's certificate.yaml",
  });
  const dir = join(publishedDir, certificate.to);
  const name = join(dir, `upgrade-from-${certificate.from}`);
  await mkdir(dir, { recursive: true });
  await writeAtomic(`${name}.yaml`, await readFile(file, "utf8"));
  await writeAtomic(`${name}.html`, certificateHtml(certificate));
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
          remedy: "restore the file from git, or make it again with `npm run publish-figures`",
        }),
      );
  }
  return all.sort((a, b) => a.cilium.localeCompare(b.cilium, undefined, { numeric: true }));
}

/** The README with its table made from what is published. */
export function withTable(readme: string, all: readonly Published[]): string {
  const [begin, end] = tableMarks;
  const from = readme.indexOf(begin);
  const until = readme.indexOf(end);
  if (from < 0 || until < from)
    throw new MeshproofError("usage", `README.md has no ${begin} ... ${end}`, {
      cure: "put the two lines where the table belongs",
    });
  return `${readme.slice(0, from + begin.length)}\n\n${publishedTable(all)}\n\n${readme.slice(until)}`;
}
