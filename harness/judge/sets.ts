import { failedBecause, type Verdict } from "#harness/model/verdict.ts";

/** Missing and surplus items, by name. */
export function judgeSameSet(what: string, actual: readonly string[], expected: readonly string[]): Verdict {
  const missing = expected.filter((e) => !actual.includes(e));
  const surplus = actual.filter((a) => !expected.includes(a));
  return failedBecause([
    ...(missing.length === 0 ? [] : [`${what}: missing ${missing.join(", ")}`]),
    ...(surplus.length === 0 ? [] : [`${what}: should not have ${surplus.join(", ")}`]),
    ...(expected.length === 0 ? [`${what}: nothing is expected, which proves nothing`] : []),
  ]);
}
