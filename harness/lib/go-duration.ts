const unitMs = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** A Go duration such as `20s` or `1m0s`, in milliseconds; 0 for a text that holds none. */
export function goDurationMs(text: string): number {
  return [...text.matchAll(/(\d+)(h|ms|m|s)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * unitMs[unit as keyof typeof unitMs],
    0,
  );
}
