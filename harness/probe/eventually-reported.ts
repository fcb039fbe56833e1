import { unixNowMs } from "#harness/lib/clock.ts";
import { missedDeadline } from "#harness/lib/errors.ts";
import { type EventuallyOptions, eventually, type Look } from "#harness/lib/eventually.ts";

/** What a wait needs of a prober. */
export interface Reporting {
  /** Throws `probe-failed` after a silence longer than a running prober's. */
  assertAlive(): void;
  /** Unix milliseconds up to which the prober has reported. */
  readonly reportedUnixMs: number;
}

/** How often to look while reports are still on their way. */
const catchUpMs = 250;

/**
 * `eventually` for what probers report: time is up once they have reported all of it. A busy API server delays reports
 * for many seconds, and what they say of the mesh is in time by the probers' own clocks. Throws `probe-failed` if one
 * falls silent, otherwise as `eventually`.
 */
export async function eventuallyReported<T>(
  probers: readonly Reporting[],
  look: () => Look<T>,
  options: EventuallyOptions,
): Promise<T> {
  const deadlineUnixMs = unixNowMs() + options.withinMs;
  const silence = new AbortController();
  const signal = AbortSignal.any([options.signal, silence.signal]);
  const looked = async (): Promise<Look<T>> => {
    try {
      for (const p of probers) p.assertAlive();
    } catch (error) {
      silence.abort(error);
      throw error;
    }
    return look();
  };
  let missed: unknown;
  for (;;) {
    try {
      const withinMs = missed === undefined ? options.withinMs : catchUpMs;
      return await eventually(looked, { ...options, withinMs, signal });
    } catch (error) {
      if (silence.signal.aborted) throw silence.signal.reason;
      if (!missedDeadline(error)) throw error;
      missed ??= error;
      if (probers.every((p) => p.reportedUnixMs >= deadlineUnixMs)) throw missed;
    }
  }
}
