import type { HostSample } from "#harness/model/host-sample.ts";

export interface HostLimits {
  readonly foreignCores: number;
  readonly hostStallMs: number;
  readonly freeDiskBytes: number;
}

/** A disturbance counts from this many samples in a row: one second of somebody's shell spoils nothing. */
const inARow = 3;

/** Programs named of a disturbance. */
const namesAtMost = 4;

/** A daemon that is told to stop ends its containers first, and answers meanwhile. */
const dockerEndsMs = 30_000;

/** What disturbed the rig in a stretch of time, in words; nothing where it was left alone. */
export function disturbances(
  samples: readonly HostSample[],
  limits: HostLimits,
  sinceMs: number,
  untilMs: number,
): string[] {
  const during = samples.filter((s) => s.atMs >= sinceMs && s.atMs <= untilMs + 1500);
  const found: string[] = [];
  const foreign = (s: HostSample): number => s.busyCores - s.labCores - s.ownCores;
  // A test may be shorter than three samples: what began just before it counts too.
  const around = samples.filter((s) => s.atMs >= sinceMs - inARow * 1000 && s.atMs <= untilMs + 1500);
  const hogged = longestRun(around, (s) => foreign(s) > limits.foreignCores);
  if (hogged.length >= inARow) {
    const mean = hogged.reduce((sum, s) => sum + foreign(s), 0) / hogged.length;
    const names = [...new Set(hogged.flatMap((s) => s.foreignNames ?? []))].slice(0, namesAtMost);
    const who = names.length === 0 ? "" : ` (${names.join(", ")})`;
    found.push(
      `other programs${who} used ${mean.toFixed(1)} cores for ${hogged.length} s (limit ${limits.foreignCores})`,
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

function longestRun<T>(items: readonly T[], holds: (item: T) => boolean): T[] {
  let longest: T[] = [];
  let current: T[] = [];
  for (const item of items) {
    current = holds(item) ? [...current, item] : [];
    if (current.length > longest.length) longest = current;
  }
  return longest;
}
