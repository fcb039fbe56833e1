import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readYaml } from "#harness/config/yaml-file.ts";
import { keyOf, refusalsOf } from "#harness/judge/provenance.ts";
import { violationsOf } from "#harness/judge/published.ts";
import { certificateViolations } from "#harness/judge/published-certificate.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { checkRecord } from "#harness/lib/records.ts";
import { packedLine } from "#harness/measure/loss-files.ts";
import { certificateFormat } from "#harness/model/certificate.ts";
import type { LossRecord } from "#harness/model/loss-record.ts";
import type { Published } from "#harness/model/published.ts";
import { command, output } from "#harness/platform/command.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { certificateHtml } from "#harness/report/certificate-html.ts";
import { rowsOf } from "#harness/report/figure-rows.ts";
import { isMeasuredByPlan, type ReadCampaign, readCampaigns } from "./campaigns.ts";
import { publishedDir, writePages } from "./pages.ts";
import { changedFiguresOf, publishedOf, recordsOf } from "./published-of.ts";

/** A version's files, made and checked; nothing is written before all versions are. */
interface Made {
  readonly published: Published;
  readonly losses: string;
}

/**
 * Makes `reports/published/<version>/` of every Cilium version from all its complete campaigns, and updates the pages.
 * Throws `usage`, before anything is written, for a tree with changes, a stale method, mixed settings, and whatever the
 * checker of `npm test` would find. Measurements that the test machine spoiled are left out of the figures, and listed.
 */
export async function publish(say: (line: string) => void): Promise<string[]> {
  const all = await readCampaigns();
  for (const { record, left } of all.filter((c) => c.left > 0))
    say(`not published: ${record.name} is not complete, ${left} runs are left`);
  const complete = all.filter((c) => c.left === 0);
  if (complete.length === 0)
    throw new MeshproofError("usage", "no campaign below reports/campaigns/ is complete", {
      remedy: "npm run mesh -- measure reports/campaigns/NAME/plan.yaml",
    });
  const meshproof = await commitOf(complete);
  const publishedAt = wallLabel();
  const made: Made[] = [];
  for (const campaigns of Map.groupBy(complete, (c) => c.cilium[0]).values()) {
    const records = recordsOf(campaigns);
    const missingCommits = await commitsMissing(campaigns);
    const published = publishedOf(campaigns, { meshproof, publishedAt, missingCommits }, records);
    made.push(await madeOf(campaigns, published, records));
  }
  const written: string[] = [];
  for (const { published, losses } of made) {
    for (const { scenario, affinity, why } of published.spoiled)
      say(`not in the figures: ${scenario}, ${affinity}: ${why.join("; ")}`);
    const dir = join(publishedDir, published.cilium);
    await mkdir(dir, { recursive: true });
    await writeReportFile(join(dir, "failover.json"), jsonOf(published));
    await writeReportFile(join(dir, "losses.ndjson"), losses);
    written.push(...["failover.json", "failover.html", "losses.ndjson"].map((f) => join(dir, f)));
  }
  return [...written, ...(await writePages())];
}

async function madeOf(
  campaigns: readonly ReadCampaign[],
  published: Published,
  all: readonly LossRecord[],
): Promise<Made> {
  const { measurements } = published;
  const byKey = new Map(all.map((r) => [keyOf(r), r]));
  const records = measurements.flatMap((m) => byKey.get(keyOf(m)) ?? []);
  const losses = records.map((r) => `${packedLine(r)}\n`).join("");
  const ofOtherPlans: string[] = [];
  for (const campaign of campaigns)
    if (!(await isMeasuredByPlan(campaign)))
      ofOtherPlans.push(
        `${campaign.record.plan} is not the plan by which ${campaign.record.name} was measured`,
      );
  // First what concerns whole campaigns, which the checker would say of every measurement again.
  refuse(campaigns, [
    ...campaigns.flatMap((c) => c.troubles),
    ...ofOtherPlans,
    ...refusalsOf(measurements),
    ...changedFiguresOf(published, records),
  ]);
  const violations = violationsOf({
    published,
    again: published,
    rows: rowsOf(published).map(({ row }) => row),
    losses: { of: new Set(records.map(keyOf)), bytes: Buffer.byteLength(losses) },
  });
  refuse(
    campaigns,
    violations.map(({ rule, what }) => `${what} (rule ${rule})`),
  );
  return { published, losses };
}

/** One measurement a line, so that a change of one is one line of a diff. */
function jsonOf({ measurements, ...head }: Published): string {
  const lines = measurements.map((m) => `    ${JSON.stringify(m)}`).join(",\n");
  return `${JSON.stringify(head, null, 2).replace(/\n}$/, "")},\n  "measurements": [\n${lines}\n  ]\n}\n`;
}

/** The commit of a tree without changes, in which the campaigns are. */
async function commitOf(campaigns: readonly ReadCampaign[]): Promise<string> {
  const git = async (...args: string[]): Promise<string> =>
    (await output("git", ["-C", repoRoot(), ...args])).trim();
  const changed = await git("status", "--porcelain");
  refuse(campaigns, [
    ...(changed === "" ? [] : [`the tree has changes: ${changed.split("\n").slice(0, 3).join(", ")}`]),
  ]);
  for (const file of campaigns.flatMap((c) => c.files))
    if ((await git("ls-files", "--", file)) === "") refuse(campaigns, [`${file} is not committed`]);
  return git("rev-parse", "--short", "HEAD");
}

/** Commits that measured and that this repository does not have, as one that only held a series. */
async function commitsMissing(campaigns: readonly ReadCampaign[]): Promise<string[]> {
  const measured = campaigns.flatMap((c) => c.measurements.flatMap((m) => m.campaign.commit ?? []));
  const missing: string[] = [];
  for (const commit of new Set(measured)) {
    const args = ["-C", repoRoot(), "cat-file", "-e", `${commit}^{commit}`];
    const { exitCode } = await command("git", args, { tolerate: true });
    if (exitCode !== 0) missing.push(commit);
  }
  return missing;
}

function refuse(campaigns: readonly ReadCampaign[], reasons: readonly string[]): void {
  if (reasons.length > 0)
    throw new MeshproofError(
      "usage",
      `${campaigns.map((c) => c.record.name).join(", ")} cannot be published: ${reasons.join("; ")}`,
      {
        remedy:
          "commit reports/campaigns/ and everything else, and measure by the present method from committed sources",
      },
    );
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
