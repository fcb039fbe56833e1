/** Milliseconds on the monotonic clock; only differences mean anything. */
export function monotonicMs(): number {
  return performance.now();
}

/** Wall time, for labels only. */
export function wallLabel(): string {
  return new Date().toISOString();
}

/** `1m 05s`, `12.3s` or `340ms`: durations as people read them. */
export function formatMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}s`;
  const totalSeconds = Math.round(ms / 1000);
  return `${Math.floor(totalSeconds / 60)}m ${String(totalSeconds % 60).padStart(2, "0")}s`;
}

/** Unix milliseconds with fractions, as steady as the monotonic clock: comparable with other programs' timestamps. */
export function unixNowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** A time of the wall clock, which other processes of this machine stamp with, on the clock of `unixNowMs`, which no correction moves. */
export function steadyUnixMs(wallUnixMs: number): number {
  // `Date` has whole milliseconds.
  return wallUnixMs + unixNowMs() - Date.now() - 0.5;
}
