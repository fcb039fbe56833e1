import type { ClusterEvidence } from "../evidence.ts";

const zoneMs = 15 * 60_000;

/**
 * When the archive was begun: the time in its files' names, which is local time where it was made. Agents' health reports
 * have the zone: zones differ from UTC by quarters of an hour, and a report is at most minutes away.
 */
export function startOf(paths: Iterable<string>, evidence: ClusterEvidence): number | undefined {
  const [, day = "", time = ""] =
    [...paths].map((p) => /-(\d{8})-(\d{6})(?:\.\w+$|\/)/.exec(p)).find((m) => m !== null) ?? [];
  const localMs = Date.parse(
    `${day.replace(/(....)(..)(..)/, "$1-$2-$3")}T${time.replace(/(..)(..)(..)/, "$1:$2:$3")}Z`,
  );
  if (Number.isNaN(localMs)) return undefined;
  const reports = [...evidence]
    .filter(([name]) => /^agent-.*-health\.json$/.test(name))
    .map(([, text]) => Date.parse(/"timestamp":\s*"([^"]+)"/.exec(text)?.[1] ?? ""))
    .filter((ms) => !Number.isNaN(ms));
  if (reports.length === 0) return localMs;
  return localMs + Math.round((Math.max(...reports) - localMs) / zoneMs) * zoneMs;
}
