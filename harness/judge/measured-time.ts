import type { Sample } from "#harness/model/history.ts";

/** A prober that sent nothing for so long did not measure, whatever its interval. */
const pauseMs = 1000;

/** A stream in an interval, on one clock. */
export interface MeasuredStream {
  readonly samples: Iterable<Pick<Sample, "sentMs">>;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly everyMs: number;
}

/**
 * How much of an interval a stream measured: without the pauses in which it sent nothing, from its first request to its
 * last. A stream without a request measured nothing.
 */
export function measuredMsOf({ samples, sinceMs, untilMs, everyMs }: MeasuredStream): number {
  const allowedMs = Math.max(pauseMs, 2 * everyMs);
  let unmeasuredMs = 0;
  let lastMs = sinceMs;
  let sent = 0;
  const pause = (atMs: number): void => {
    const gapMs = atMs - lastMs;
    if (gapMs > allowedMs) unmeasuredMs += gapMs - everyMs;
    lastMs = Math.max(lastMs, atMs);
  };
  for (const { sentMs } of samples) {
    if (sentMs < sinceMs || sentMs >= untilMs) continue;
    sent += 1;
    pause(sentMs);
  }
  pause(untilMs);
  return sent === 0 ? 0 : Math.max(0, untilMs - sinceMs - unmeasuredMs);
}

/** The measured share of phases and interruptions together; 0 without any. */
export function measuredShare(
  phases: readonly { readonly durationMs: number; readonly measuredMs: number }[],
  interruptions: readonly { readonly durationMs: number }[] = [],
): number {
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const allMs = sum([...phases, ...interruptions].map((p) => p.durationMs));
  return allMs === 0 ? 0 : sum(phases.map((p) => p.measuredMs)) / allMs;
}
