import { existsSync } from "node:fs";
import { checkWritable, readUserJson } from "#harness/config/user-file.ts";
import { describeError } from "#harness/lib/errors.ts";
import { throwIfAborted } from "#harness/lib/eventually.ts";
import { checkRecord } from "#harness/lib/records.ts";
import type { Certificate } from "#harness/model/certificate.ts";
import type { UpgradePair } from "#harness/model/certification-journal.ts";
import { type HistoryEntry, upgradeHistoryFormat } from "#harness/model/upgrade-history.ts";
import { writeAtomic } from "#harness/platform/paths.ts";
import type { Certified } from "./certified.ts";

/**
 * Certifies every pair and reports changes since the last run in `history`; an error in one pair does not stop the
 * others.
 */
export async function certifyMatrix(
  pairs: readonly UpgradePair[],
  history: string,
  certify: (pair: UpgradePair) => Promise<Certified>,
  { say, signal }: { readonly say: (line: string) => void; readonly signal: AbortSignal },
): Promise<(Certificate | undefined)[]> {
  const remedy = "name another --history";
  checkWritable(history, "--history");
  const recorded = existsSync(history) ? readUserJson(history, "--history", remedy) : [];
  const before = checkRecord(recorded, upgradeHistoryFormat, { what: `history ${history}`, remedy });
  const all = [...before];
  const certificates: (Certificate | undefined)[] = [];
  for (const pair of pairs) {
    throwIfAborted(signal, `certify ${pair.from} to ${pair.to}`);
    say(`${pair.from} to ${pair.to}`);
    try {
      const { certificate } = await certify(pair);
      certificates.push(certificate);
      const entry = entryOf(certificate);
      const last = before.findLast((e) => e.from === pair.from && e.to === pair.to);
      for (const line of newsOf(last, entry)) say(`  ${line}`);
      all.push(entry);
      await writeAtomic(history, `${JSON.stringify(all, null, 2)}\n`);
    } catch (error) {
      throwIfAborted(signal, `certify ${pair.from} to ${pair.to}`);
      say(describeError(error));
      certificates.push(undefined);
    }
  }
  return certificates;
}

export function entryOf(c: Certificate): HistoryEntry {
  const all = c.phases.flatMap((p) => p.disruptions);
  return {
    from: c.from,
    to: c.to,
    date: c.date,
    runId: c.runId,
    verdict: c.verdict,
    lost: all.reduce((sum, d) => sum + d.lost, 0),
    longestGapMs: Math.max(0, ...all.filter((d) => d.lost > 0).map((d) => d.longestGapMs)),
    reasons: [...c.reasons],
  };
}

/** Changes since the last run. Figures of single runs vary, so only factors above two count. */
export function newsOf(last: HistoryEntry | undefined, now: HistoryEntry): string[] {
  if (last === undefined) return ["first entry in this history"];
  const news: string[] = [];
  if (last.verdict !== now.verdict) news.push(`was ${last.verdict} on ${last.date}, is now ${now.verdict}`);
  for (const r of now.reasons) if (!last.reasons.includes(r)) news.push(`new: ${r}`);
  for (const r of last.reasons) if (!now.reasons.includes(r)) news.push(`gone: ${r}`);
  const figures = [
    ["longest gap", last.longestGapMs, now.longestGapMs, "ms"],
    ["requests lost", last.lost, now.lost, ""],
  ] as const;
  for (const [what, was, is, unit] of figures)
    if (is > 2 * was || was > 2 * is)
      news.push(`${what}: ${was} ${unit} before, ${is} ${unit} now`.replaceAll("  ", " "));
  return news.length === 0 ? [`unchanged since ${last.date}`] : news;
}
