import type { HostSample } from "#harness/model/host-sample.ts";

export interface HostLimits {
  readonly foreignCores: number;
  readonly hostStallMs: number;
  readonly freeDiskBytes: number;
}

/** Shorter disturbances do not count: a shell command of one second is harmless. */
const disturbedMs = 3000;

/** This many missing answers of Docker's daemon in a row count: a single one may just be late. */
const inARow = 3;

/** Samples are one second apart; on a busy machine, much more. */
const everyMs = 1000;

/** A sample that ends this soon after an interval counts for it too. */
const afterMs = 500;

/** A sample and the beginning of the time that it covers. */
interface SampleInterval extends HostSample {
  readonly sinceMs: number;
}

/** The most programs named per disturbance. */
const namesAtMost = 4;

/** A stopping daemon still answers while it ends its containers. */
const dockerEndsMs = 30_000;

/** Disturbances of the rig in an interval, as sentences; empty if there were none. */
export function disturbances(
  samples: readonly HostSample[],
  limits: HostLimits,
  sinceMs: number,
  untilMs: number,
): string[] {
  const stretches = samples.map(
    (s, i): SampleInterval => ({ ...s, sinceMs: samples[i - 1]?.atMs ?? s.atMs - everyMs }),
  );
  const during = stretches.filter((s) => s.atMs >= sinceMs && s.sinceMs <= untilMs + afterMs);
  const found: string[] = [];
  const foreign = (s: HostSample): number => s.busyCores - s.labCores - s.ownCores;
  // A test may be shorter than a disturbance, so one that began just before it counts too.
  const around = stretches.filter((s) => s.atMs >= sinceMs - disturbedMs && s.sinceMs <= untilMs + afterMs);
  const hogged = longestRun(around, (s) => foreign(s) > limits.foreignCores);
  const hoggedMs = lengthMs(hogged);
  // Weighted by time: a busy machine takes fewer samples.
  if (hoggedMs >= disturbedMs) {
    const mean = hogged.reduce((sum, s) => sum + foreign(s) * (s.atMs - s.sinceMs), 0) / hoggedMs;
    const names = [...new Set(hogged.flatMap((s) => s.foreignNames ?? []))].slice(0, namesAtMost);
    const who = names.length === 0 ? "" : ` (${names.join(", ")})`;
    found.push(
      `other programs${who} used ${mean.toFixed(1)} cores for ${Math.round(hoggedMs / 1000)} s (limit ${limits.foreignCores})`,
    );
  }
  const stall = Math.max(0, ...during.map((s) => s.lateMs));
  if (stall > limits.hostStallMs)
    found.push(`the harness itself stood still for ${stall.toFixed(0)} ms (limit ${limits.hostStallMs} ms)`);
  const disk = Math.min(Number.POSITIVE_INFINITY, ...during.map((s) => s.freeDiskBytes));
  if (disk < limits.freeDiskBytes)
    found.push(
      `the disk had ${(disk / 1024 ** 2).toFixed(0)} MiB left (limit ${(limits.freeDiskBytes / 1024 ** 2).toFixed(0)} MiB)`,
    );
  const lost = samples.filter((s) => s.atMs >= sinceMs && s.atMs <= untilMs + dockerEndsMs);
  if (longestRun(lost, (s) => !s.dockerAnswers).length >= inARow)
    found.push("Docker's daemon did not answer");
  return found;
}

/**
 * Whether the host was sampled throughout an interval; if not, a sentence that says so. A sample that is due but not
 * yet taken is not missing: the end of a test is judged at once, and again at the end of the run.
 */
export function unsampled(
  samples: readonly HostSample[],
  limits: Pick<HostLimits, "hostStallMs">,
  sinceMs: number,
  untilMs: number,
): string[] {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined) return ["the host was not sampled at all"];
  // The watch's own delay may be as long as any stall of the harness.
  const mostMs = limits.hostStallMs + everyMs;
  const beginMs = first.atMs - everyMs;
  if (untilMs <= beginMs) return [unsampledFor(untilMs - sinceMs)];
  let longestMs = Math.min(untilMs, beginMs) - sinceMs;
  let fromMs = beginMs;
  for (const atMs of [...samples.map((s) => s.atMs), Math.max(last.atMs, untilMs)]) {
    if (atMs > sinceMs && fromMs < untilMs) longestMs = Math.max(longestMs, atMs - fromMs);
    fromMs = atMs;
  }
  return longestMs > mostMs ? [unsampledFor(longestMs)] : [];
}

const unsampledFor = (ms: number): string => `the host was not sampled for ${(ms / 1000).toFixed(1)} s`;

const lengthMs = (stretches: readonly SampleInterval[]): number =>
  stretches.reduce((sum, s) => sum + s.atMs - s.sinceMs, 0);

function longestRun<T>(items: readonly T[], holds: (item: T) => boolean): T[] {
  let longest: T[] = [];
  let current: T[] = [];
  for (const item of items) {
    current = holds(item) ? [...current, item] : [];
    if (current.length > longest.length) longest = current;
  }
  return longest;
}
