import { median } from "#harness/lib/stats.ts";
import { leastOf, tooFewOf } from "#harness/model/sample-size.ts";
import type { Observation, PublishedTimings, TimingIdentity, TimingTopic } from "#harness/model/timing.ts";
import { tableRows } from "../publish/pages.ts";

/** What a row of a page must rest on, counted from the data again, without the code that writes the page. */
interface Group {
  readonly name: string;
  /** What may be pooled is equal. */
  readonly pool: string;
  readonly labs: number;
  readonly runMs: number;
  /** The observations of each independent change. */
  readonly events: readonly (readonly Observation[])[];
}

type Cells = Readonly<Record<string, string>>;

/** Every breach of METHOD by the page of a topic, as text. */
export function pageViolations(published: PublishedTimings, topic: TimingTopic, page: string): string[] {
  const groups = groupsOf(published, topic);
  const rows = tableRows(page.split("\n\n").find((part) => part.startsWith("| Cilium ")) ?? "");
  const left = [...rows];
  const found = groups.flatMap((group) => {
    const at = left.findIndex((r) => `${r.Cilium}: ${r.what}` === group.name);
    const [row] = at < 0 ? [] : left.splice(at, 1);
    if (row === undefined) return [`${group.name}: the page has no row`];
    return rowViolations(group, row).map((why) => `${group.name}: ${why}`);
  });
  return [
    ...found,
    ...left.map((r) => `${r.Cilium}: ${r.what}: nothing was observed`),
    ...wordViolations(groups, topic, page),
    ...(topic === "fresh-node" && rows[0]?.what?.startsWith("from Ready") === true
      ? ["the mesh's part is not the first row"]
      : []),
  ];
}

function groupsOf({ runs }: PublishedTimings, topic: TimingTopic): Group[] {
  const all = runs.flatMap((run) =>
    run.timings
      .filter((t) => t.topic === topic)
      .flatMap((timing, at) =>
        timing.observations.map((o) => ({ o, timing, cilium: run.cilium, of: `${run.runId} ${at}` })),
      ),
  );
  const pools = Map.groupBy(all, ({ o, cilium, timing: { identity } }) =>
    [poolOf(cilium, identity), o.what].join("\n"),
  );
  return [...pools.values()].map((pool) => ({
    name: `${pool[0]?.cilium}: ${pool[0]?.o.what}`,
    pool: pool[0] === undefined ? "" : poolOf(pool[0].cilium, pool[0].timing.identity),
    labs: new Set(pool.map(({ timing }) => timing.identity.lab)).size,
    runMs: Math.max(...pool.map(({ o }) => o.watchedMs)),
    events: [
      ...Map.groupBy(pool, ({ o, of }) => [of, o.of, o.round, o.evidence?.writeBegunMs].join(" ")).values(),
    ].map((event) => event.map(({ o }) => o)),
  }));
}

const poolOf = (cilium: string, { settingHash, sourceHash }: TimingIdentity): string =>
  [cilium, settingHash, sourceHash].join(" ");

function rowViolations({ events, labs, runMs }: Group, row: Cells): string[] {
  const cell = (column: string): string => row[column] ?? "";
  const n = events.length;
  const all = events.flat();
  const found: string[] = [];
  const require = (holds: boolean, what: string): void => {
    if (!holds) found.push(what);
  };
  require(cell("n").split(/[ ,;]/)[0] ===
    `${n}`, `${n} independent events were observed, the row says ${cell("n")}`);
  require(cell("labs") === `${labs}`, `${labs} labs, the row says ${cell("labs")}`);
  const few = tooFewOf({ runs: n, labs }, leastOf(runMs));
  require(cell("n").includes("too few runs") === (few !== undefined) && cell("n").includes(few ?? ""), few ===
    undefined
    ? "the row says too few runs"
    : `the row does not say ${few}`);
  const middle = cell("median, or both");
  const noneLost = all.every((o) => (o.unit === "requests" ? o.value === 0 : o.evidence?.lost === 0));
  require(noneLost === middle.startsWith("none lost"), noneLost
    ? "nothing was lost, and the row does not say so"
    : "something was lost, and the row says none lost");
  if (noneLost) found.push(...boundViolations(n, middle));
  else found.push(...middleViolations({ events, labs, runMs }, middle));
  const tail = cell("p95");
  require(n >= 20 || !tail.includes("rank"), `p95 of ${n} events`);
  require(noneLost ||
    tail.includes(
      n < 20 ? `est of ${n}` : `rank ${Math.ceil(0.95 * n)} of ${n}`,
    ), `the row does not say of how many events p95 or the largest is: ${tail}`);
  return [...found, ...errorViolations(all, noneLost, cell("error at most"))];
}

/** 'None lost in n' with the exact bound: at 95 %, 1 - 0.05^(1/n). */
function boundViolations(n: number, text: string): string[] {
  const stated = /^none lost in (\d+) .*\(up to (\d+) %/.exec(text);
  const bound = 100 * (1 - 0.05 ** (1 / n));
  return stated !== null && Number(stated[1]) === n && Number(stated[2]) === Math.ceil(bound - 1e-6)
    ? []
    : [`none lost in ${n} events bounds the share at ${bound.toFixed(1)} %, the row says ${text}`];
}

/** The figures of a cell, in milliseconds or as they are, and how far rounding may have moved each. */
function figuresIn(text: string): { readonly value: number; readonly within: number }[] {
  return [...text.matchAll(/(-?\d+(?:\.\d+)?)(?: (ms|s|%))?(?=$|[ ;)])/g)].map(([, digits, unit]) =>
    unit === "s"
      ? { value: 1000 * Number(digits), within: 51 }
      : unit === "%"
        ? { value: Number(digits) / 100, within: 0.0051 }
        : { value: Number(digits), within: 0.51 },
  );
}

const shows = (text: string, value: number): boolean =>
  value === Number.POSITIVE_INFINITY
    ? text.includes("not seen")
    : figuresIn(text).some((f) => Math.abs(f.value - value) <= f.within);

/** Of one or two events each value; of more the conventional median, each event by the vantage point that fared worst. */
function middleViolations(
  { events, labs, runMs }: Pick<Group, "events" | "labs" | "runMs">,
  text: string,
): string[] {
  const values = events.map((event) => {
    const of = event.map((o) => o.value ?? Number.POSITIVE_INFINITY);
    const isLoad = event[0]?.what.startsWith("share of the load") === true;
    return isLoad && of.every(Number.isFinite) ? Math.min(...of) : Math.max(...of);
  });
  if (events.length <= 2) {
    const parts = text.split("; ");
    return parts.length === values.length && values.every((v, i) => shows(parts[i] ?? "", v))
      ? []
      : [`of ${values.length} events each value is shown: ${values.join(", ")}; the row says ${text}`];
  }
  if (runMs > 60_000 && (events.length < 10 || labs < 3))
    return text === "see largest" ? [] : [`a median of ${events.length} runs that take over 60 s: ${text}`];
  const expected = median(values);
  return shows(text, expected) ? [] : [`the median is ${expected}, the row says ${text}`];
}

/** An error stands beside moments only, and bounds every one of them. */
function errorViolations(all: readonly Observation[], noneLost: boolean, text: string): string[] {
  const isMoment = !noneLost && all.every((o) => o.unit === "ms" && !/\blatency\b/.test(o.what));
  if (!isMoment) return text === "–" ? [] : [`an error beside what is no moment: ${text}`];
  const least = Math.max(...all.map((o) => o.errorMs + (o.evidence?.stoppedMs ?? 0)));
  const stated = /^(\d+(?:\.\d+)?) ms$/.exec(text);
  return stated !== null && Number(stated[1]) >= least && Number(stated[1]) <= least + 1
    ? []
    : [`errors are up to ${least.toFixed(2)} ms, the row says ${text}`];
}

/** Sentences that the data demands. */
function wordViolations(groups: readonly Group[], topic: TimingTopic, page: string): string[] {
  const needs = (isNeeded: boolean, words: string): string[] =>
    isNeeded === page.includes(words)
      ? []
      : [isNeeded ? `the page does not say: ${words}` : `the page says without cause: ${words}`];
  const few = groups.some(
    ({ events, labs, runMs }) => tooFewOf({ runs: events.length, labs }, leastOf(runMs)) !== undefined,
  );
  const pools = [...Map.groupBy(groups, (g) => g.pool).values()].map((of) =>
    of.flatMap((g) => g.events.flat()),
  );
  return [
    ...needs(few, "**Too few runs**"),
    ...(topic === "dead-cluster" ? needs(!pools.every(tellsTtlsApart), "does not tell cacheTTL 0s and") : []),
    ...(topic === "fresh-node"
      ? [
          ...needs(pools.length > 0, "The mesh's part comes first."),
          ...needs(!pools.flat().every(wasWatched), "hardly watched for"),
        ]
      : []),
  ];
}

/** Whether clients of cacheTTL 0s were watched for as long as those of any other lost requests. */
function tellsTtlsApart(all: readonly Observation[]): boolean {
  const of = (ttl: RegExp): Observation[] => all.filter((o) => ttl.test(o.what) && o.unit === "ms");
  const openMs = of(/cacheTTL 0s/).flatMap((o) => (o.value === null ? o.watchedMs : []));
  const laterMs = of(/cacheTTL [1-9]/).flatMap((o) => o.value ?? []);
  return Math.min(...openMs) >= Math.max(...laterMs);
}

const wasWatched = ({ watchedMs, evidence }: Observation): boolean =>
  evidence?.firstRequestMs == null || watchedMs - evidence.firstRequestMs >= 5000;

/** Breaches of METHOD, rules 5, 11 and 15, by the data itself. */
export function dataViolations({ runs }: PublishedTimings): string[] {
  return runs.flatMap((run) => [
    ...(/^[0-9a-f]{7,40}$/.test(run.commit) ? [] : [`${run.runId}: from ${run.commit}`]),
    ...run.timings.flatMap((timing) => {
      const name = `${run.runId}, ${timing.test}`;
      return [
        ...timing.probers
          .filter((p) => p.latenessP99Ms > 20 || p.latenessMaxMs > 100 || p.clockErrorMs > timing.everyMs)
          .map((p) => `${name}: the prober at ${p.at} was disturbed`),
        ...timing.observations.flatMap((o) =>
          observationViolations(o).map((why) => `${name}: ${o.what}: ${why}`),
        ),
        ...(timing.topic === "fresh-node"
          ? []
          : twiceIn(timing.observations).map((why) => `${name}: ${why}`)),
      ];
    }),
  ]);
}

function observationViolations({ unit, value, watchedMs, errorMs, what, evidence }: Observation): string[] {
  const isPossible =
    value === null ||
    unit === "ms" ||
    (unit === "share" ? value >= 0 && value <= 1 : Number.isInteger(value) && value >= 0);
  return [
    ...(isPossible ? [] : [`${value} is no ${unit}`]),
    ...(value !== null && unit === "ms" && value > watchedMs
      ? [`${value} ms, watched for ${watchedMs}`]
      : []),
    ...(errorMs > 0 ? [] : ["no error"]),
    ...(what.includes("cacheTTL") && evidence?.stoppedMs == null
      ? ["how long the stop took is missing"]
      : []),
  ];
}

/** A vantage point sees a change once: more would be changes that the data cannot tell apart. */
function twiceIn(observations: readonly Observation[]): string[] {
  const seen = Map.groupBy(observations, (o) =>
    [o.what, o.of, o.round, o.evidence?.writeBegunMs, o.at].join(", "),
  );
  return [...seen].flatMap(([what, of]) => (of.length === 1 ? [] : [`seen ${of.length} times: ${what}`]));
}
