// Not a library: `leven` and its like only measure, and what is close enough is the question here.

/** Letters to add, remove or change to make one word of the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const [left = 0, above = 0, corner = 0] = [next[j - 1], row[j], row[j - 1]];
      next.push(Math.min(left + 1, above + 1, corner + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** The word that somebody who wrote another probably meant; undefined if none is close, or two are. */
export function closest(written: string, words: readonly string[]): string | undefined {
  const [own, ...more] = words.filter((w) => w.toLowerCase() === written.toLowerCase());
  if (own !== undefined) return more.length === 0 ? own : undefined;
  const most = written.length < 5 ? 1 : 2;
  const near = words.map((word) => ({ word, by: distance(written.toLowerCase(), word.toLowerCase()) }));
  const least = Math.min(most, ...near.map((n) => n.by));
  const [found, ...others] = near.filter((n) => n.by === least);
  return others.length === 0 ? found?.word : undefined;
}
