import { given } from "#harness/lib/given.ts";
import type { RefusedRequest } from "#harness/model/api-objects.ts";
import { refusalKey, refusalOf } from "#harness/semantics/refusals.ts";
import { lineTimeMs } from "./line-time.ts";

// What agents, the operator and clustermesh-apiserver log of requests that the API server refused.

/** A longer line is not Cilium's, and would take long to match. */
const longestLine = 8192;

/** Whether a log line says that the API server refused a request. */
export const isRefusalLine = (line: string): boolean =>
  line.length <= longestLine && refusalOf(line) !== undefined;

/** These lines of a log. */
export const refusalLines = (log: string): string => log.split("\n").filter(isRefusalLine).join("\n");

/** Earlier ones are of another time: requests that fail are tried again at least once a minute. */
const oneSpellMs = 150_000;

/** The refusals of a log, one for each reason, with the time of the last, and how many there were without a pause. */
export function readRefusals(log: string): Pick<RefusedRequest, "text" | "times" | "atMs">[] {
  const found = new Map<string, Pick<RefusedRequest, "text" | "times" | "atMs">>();
  for (const line of log.split("\n")) {
    const refusal = line.length <= longestLine ? refusalOf(line) : undefined;
    if (refusal === undefined) continue;
    const key = refusalKey(refusal);
    const before = found.get(key);
    const atMs = lineTimeMs(line) ?? before?.atMs;
    const isApart =
      atMs !== undefined && before?.atMs !== undefined && Math.abs(atMs - before.atMs) > oneSpellMs;
    found.set(key, {
      text: refusal.text,
      times: isApart ? 1 : (before?.times ?? 0) + 1,
      ...given({ atMs }),
    });
  }
  return [...found.values()];
}
