import { MeshproofError } from "#harness/lib/errors.ts";
import { forClusters, matches } from "#harness/lib/pattern.ts";
import { readDurations, recordedOrMean } from "./durations.ts";
import { type Shard, shardOf } from "./shard.ts";
import type { ListedSuite } from "./suite-list.ts";

/** A test of an earlier run, or a whole suite of it. */
export interface Named {
  readonly suite: string;
  readonly test?: string;
}

/** The tests that a command selects; an absent key selects all. */
export interface Selection {
  readonly tags?: readonly string[];
  /** Patterns of a title, or of `suite > title`. */
  readonly tests?: readonly string[];
  /** Suites, or patterns like those of `tests`. */
  readonly exclude?: readonly string[];
  /** Tests and suites to repeat from an earlier run. */
  readonly only?: readonly Named[];
  /** Exactly these tests by suite, in this order; nothing else of the selection applies. */
  readonly titles?: Readonly<Record<string, readonly string[]>>;
  readonly shard?: Shard;
}

export interface Selected {
  readonly suites: readonly ListedSuite[];
  /** Titles by suite; an absent suite runs whole. */
  readonly tests: Readonly<Record<string, readonly string[]>>;
}

interface Titles {
  readonly suite: ListedSuite;
  readonly all: readonly string[];
  readonly chosen: readonly string[];
}

const repetition = / \(\d+ of \d+\)$/;
/** A title without the counter of `--repeat`. */
export const withoutCount = (title: string): string => title.replace(repetition, "");

/** Whether a pattern matches a test's title, with or without its suite and its repetition. */
function means(pattern: string, suite: string, title: string): boolean {
  return [title, withoutCount(title)].some((t) => matches(pattern, t) || matches(pattern, `${suite} > ${t}`));
}

/**
 * The tests to run, of suites chosen by name or by the lab. Throws `usage` if nothing is left, or if a tag or a pattern
 * matches nothing: a typo must not look like a passed run.
 */
export function select(
  suites: readonly ListedSuite[],
  selection: Selection,
  options: { readonly clusters: readonly string[]; readonly repeat: number },
): Selected {
  const { tags = [], only, shard } = selection;
  if (selection.titles !== undefined) return exactly(suites, selection.titles, options);
  const named = (pattern: string): string => forClusters(pattern, options.clusters);
  const tests = (selection.tests ?? []).map(named);
  const exclude = (selection.exclude ?? []).map(named);
  let left: readonly Titles[] = suites.map((suite) => {
    const all = suite.tests(options).map((t) => t.title);
    return { suite, all, chosen: all };
  });
  for (const tag of tags)
    if (!suites.some((s) => s.info.tags.includes(tag))) throw nothing(`--tag ${tag}`, "see `list suites`");
  if (tags.length > 0) left = left.filter((t) => t.suite.info.tags.some((tag) => tags.includes(tag)));
  for (const pattern of tests)
    if (!left.some((t) => t.chosen.some((title) => means(pattern, t.suite.info.name, title))))
      throw nothing(`--test ${pattern}`, "see `list tests`; * matches any text");
  if (tests.length > 0)
    left = keep(left, (suite, title) => tests.some((pattern) => means(pattern, suite, title)));
  for (const pattern of exclude)
    if (!left.some((t) => t.chosen.some((title) => isExcluded(pattern, t.suite.info.name, title))))
      throw nothing(`--exclude ${pattern}`, "see `list tests`; * matches any text");
  left = keep(left, (suite, title) => !exclude.some((pattern) => isExcluded(pattern, suite, title)));
  if (only !== undefined)
    left = keep(left, (suite, title) =>
      only.some(
        (o) => o.suite === suite && (o.test === undefined || withoutCount(o.test) === withoutCount(title)),
      ),
    );
  if (left.length === 0) throw nothing(describeSelection(selection), "see `list tests`");
  if (shard !== undefined) {
    const names = new Set(
      shardOf(
        left.map((t) => t.suite.info.name),
        shard,
        recordedOrMean(readDurations().suites),
      ),
    );
    left = left.filter((t) => names.has(t.suite.info.name));
    if (left.length === 0)
      throw nothing(`--shard ${shard.index}/${shard.count}`, "there are fewer suites than shards");
  }
  const parts = left.filter((t) => t.chosen.length < t.all.length);
  return {
    suites: left.map((t) => t.suite),
    tests: Object.fromEntries(parts.map((t) => [t.suite.info.name, t.chosen])),
  };
}

/** The named tests in the named order. Throws `usage` for one that its suite does not have. */
function exactly(
  suites: readonly ListedSuite[],
  titles: Readonly<Record<string, readonly string[]>>,
  options: { readonly clusters: readonly string[]; readonly repeat: number },
): Selected {
  const chosen = suites.filter(({ info }) => (titles[info.name] ?? []).length > 0);
  for (const suite of chosen) {
    const all = new Set(suite.tests(options).map((t) => t.title));
    const missing = titles[suite.info.name]?.find((title) => !all.has(title));
    if (missing !== undefined) throw nothing(`"${suite.info.name} > ${missing}"`, "see `list tests`");
  }
  if (chosen.length === 0) throw nothing("an empty list of titles", "see `list tests`");
  return {
    suites: chosen,
    tests: Object.fromEntries(chosen.map(({ info }) => [info.name, titles[info.name] ?? []])),
  };
}

const isExcluded = (pattern: string, suite: string, title: string): boolean =>
  pattern === suite || means(pattern, suite, title);

const keep = (all: readonly Titles[], is: (suite: string, title: string) => boolean): Titles[] =>
  all
    .map((t) => ({ ...t, chosen: t.chosen.filter((title) => is(t.suite.info.name, title)) }))
    .filter((t) => t.chosen.length > 0);

const nothing = (what: string, remedy: string): MeshproofError =>
  new MeshproofError("usage", `${what} matches no test of the chosen suites`, { remedy });

const describeSelection = ({ tags = [], tests = [], exclude = [], only }: Selection): string =>
  [
    ...tags.map((t) => `--tag ${t}`),
    ...tests.map((t) => `--test ${t}`),
    ...exclude.map((t) => `--exclude ${t}`),
    ...(only === undefined ? [] : ["--rerun-failed"]),
  ].join(" ") || "the selection";
