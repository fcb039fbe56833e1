import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { keyOf } from "#harness/judge/provenance.ts";
import { violationsOf } from "#harness/judge/published.ts";
import { certificateViolations } from "#harness/judge/published-certificate.ts";
import { readLosses } from "#harness/measure/loss-files.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { certificateHtml } from "#harness/report/certificate-html.ts";
import { notMeasured, publishedHtml } from "#harness/report/published.ts";
import { readCampaigns } from "./campaigns.ts";
import {
  partOf,
  parts,
  publishedDir,
  readCertificates,
  readPublished,
  tableRows,
  wholeRows,
} from "./pages.ts";
import { changedFiguresOf, publishedOf, recordsOf } from "./published-of.ts";

const all = await readPublished();

test.each(parts.map((p) => [p.file, p.name, p] as const))(
  "%s: the %s are as generated",
  async (file, _name, part) => {
    const page = await readFile(join(repoRoot(), file), "utf8");
    expect(partOf(part, page)).toBe(part.text(all));
  },
);

test("pages have figures of every published version, or say that there are none", async () => {
  for (const part of parts.filter((p) => p.name === "published figures")) {
    const shown = partOf(part, await readFile(join(repoRoot(), part.file), "utf8"));
    if (all.length === 0) expect(shown).toBe(notMeasured);
    else expect([...new Set(tableRows(shown).map((r) => r.Cilium))]).toEqual(all.map((p) => p.cilium));
  }
});

test("what is published keeps rules 3 to 11 of METHOD.md", async () => {
  const page = await readFile(join(repoRoot(), "docs/results/README.md"), "utf8");
  const rows = parts
    .filter((p) => p.file === "docs/results/README.md" && p.name === "published figures")
    .flatMap((p) => wholeRows(partOf(p, page)));
  const campaigns = (await readCampaigns()).filter((c) => c.left === 0);
  expect([...new Set(campaigns.flatMap((c) => c.cilium))].sort(), "versions of complete campaigns").toEqual(
    all.map((p) => p.cilium).sort(),
  );
  expect(campaigns.flatMap((c) => c.troubles)).toEqual([]);
  for (const published of all) {
    const own = campaigns.filter((c) => c.cilium.includes(published.cilium));
    const records = recordsOf(own);
    const lossFile = join(publishedDir, published.cilium, "losses.ndjson");
    const violations = violationsOf({
      published,
      rows: rows.filter((r) => r.Cilium === published.cilium),
      // Verdicts and budgets too: by the present rule, from the loss records of the campaigns.
      again: publishedOf(own, published, records),
      losses: {
        of: new Set(readLosses(lossFile).map(keyOf)),
        bytes: existsSync(lossFile) ? statSync(lossFile).size : 0,
      },
    });
    expect(violations, published.cilium).toEqual([]);
    expect(changedFiguresOf(published, records), published.cilium).toEqual([]);
    const html = join(publishedDir, published.cilium, "failover.html");
    expect(readFileSync(html, "utf8"), html).toBe(publishedHtml(published));
  }
});

test("every published certificate keeps its rules, and its page is made from it", () => {
  const certificates = readCertificates();
  for (const { file, certificate } of certificates) {
    expect(certificateViolations(certificate), file).toEqual([]);
    expect(file).toBe(`${certificate.to}/upgrade-from-${certificate.from}.yaml`);
    const html = join(publishedDir, file.replace(/\.yaml$/, ".html"));
    expect(readFileSync(html, "utf8"), html).toBe(certificateHtml(certificate));
  }
  const named = certificates.map(({ file }) => file.replace(/\.yaml$/, ".html"));
  expect(globSync("*/upgrade-from-*.html", { cwd: publishedDir }).sort()).toEqual(named);
});
