import type { TestContext } from "vitest";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Requirement } from "./capabilities.ts";
import type { EchoNeed, SuiteFixtures, TestFixtures } from "./fixture-types.ts";

/** `core`: on every lab. `lab`: where the lab file names it, or the command. `long`: only where the command names it. */
export type When = "core" | "lab" | "long";

/** What a suite is, for whoever reads a list or a report. */
export interface SuiteInfo {
  readonly name: string;
  /** `core`, `long`, what it is about; `disruptive` where it changes Cilium or nodes, not only objects of its own. */
  readonly tags: readonly string[];
  readonly when: When;
  /** Its place among the suites of its `when`: what later ones rest on comes first. */
  readonly order?: number;
  /** One sentence each. */
  readonly goal: string;
  readonly method: string;
  /** Which part of the mesh is to be suspected. */
  readonly failureMeans: string;
  /** A missing one makes every test `unsupported`, before anything is created. */
  readonly requires?: readonly Requirement[];
}

export interface SuiteDefinition<S> extends SuiteInfo {
  /** Backends in every cluster, where `echo` is used. */
  readonly echo?: EchoNeed;
  /** Runs once before the tests, which get what it answers as `setup`. Must destructure its parameter. */
  readonly setup?: (context: SuiteFixtures) => Promise<S>;
}

/** What a test is, beside its title. */
export interface TestInfo {
  readonly goal?: string;
  /** A missing one makes the test `unsupported`, before anything is created. */
  readonly requires?: readonly Requirement[];
  /** A link to the documentation, or the section of a KEP, that promises this. */
  readonly spec?: string;
  /** 300 s by default. */
  readonly timeoutMs?: number;
}

export interface TestCase extends TestInfo {
  readonly title: string;
}

/** What a test's function is given; it must destructure its parameter, by which vitest knows what to set up. */
export type TestKit<S> = TestContext & SuiteFixtures & TestFixtures & { readonly setup: S };
export type TestRun<S> = (kit: TestKit<S>) => Promise<void>;

export interface DefineTest<S> {
  (title: string, run: TestRun<S>): void;
  (title: string, info: TestInfo, run: TestRun<S>): void;
}

export interface ClusterName {
  readonly name: string;
}

/** An ordered pair of clusters, by name: `east -> west`. */
export interface ClusterPair {
  readonly name: string;
  readonly from: ClusterName;
  readonly to: ClusterName;
}

/** What a suite's body is given: names, for it runs without a lab too. */
export interface SuiteKit<S> {
  readonly clusters: readonly ClusterName[];
  readonly pairs: readonly ClusterPair[];
  /** How often each measured test is to be there. */
  readonly repeat: number;
  readonly test: DefineTest<S>;
}

export interface ListOptions {
  readonly clusters: readonly string[];
  readonly repeat?: number;
}

/** A suite as its module exports it: its record, and its tests once the clusters have names. */
export interface Suite<S = unknown> {
  readonly definition: SuiteDefinition<S>;
  tests(options: ListOptions): readonly (TestCase & { readonly run: TestRun<S> })[];
}

export type RegisterSuite = <S>(suite: Suite<S>) => void;

/** What a vitest worker does with a suite as it is defined. Nobody, where suites are only listed. */
let register: RegisterSuite | undefined;

/** Called once in a vitest worker, before suites are imported. */
export function onDefineSuite(hook: RegisterSuite): void {
  register = hook;
}

/** Declares a suite. Its body runs once for a listing and once in a vitest worker: it only calls `test`. */
export function defineSuite<S = undefined>(
  definition: SuiteDefinition<S>,
  body: (kit: SuiteKit<S>) => void,
): Suite<S> {
  const suite: Suite<S> = { definition, tests: (options) => repeatTests(definition.name, body, options) };
  register?.(suite);
  return suite;
}

/**
 * The tests, as often as they are to be repeated. A suite whose body repeats its own measurements is left to it; every other
 * runs all of its tests that often, one round after the other.
 */
function repeatTests<S>(
  suite: string,
  body: (kit: SuiteKit<S>) => void,
  options: ListOptions,
): (TestCase & { run: TestRun<S> })[] {
  const { repeat = 1 } = options;
  const tests = recordTests(suite, body, options);
  if (repeat === 1) return tests;
  const once = new Set(recordTests(suite, body, { ...options, repeat: 1 }).map((t) => t.title));
  if (!tests.every((t) => once.has(t.title))) return tests;
  return Array.from({ length: repeat }, (_, i) =>
    tests.map((t) => ({ ...t, title: `${t.title} (${i + 1} of ${repeat})` })),
  ).flat();
}

function recordTests<S>(
  suite: string,
  body: (kit: SuiteKit<S>) => void,
  { clusters: names, repeat = 1 }: ListOptions,
): (TestCase & { run: TestRun<S> })[] {
  const tests: (TestCase & { run: TestRun<S> })[] = [];
  const clusters = names.map((name) => ({ name }));
  const test: DefineTest<S> = (title: string, infoOrRun: TestInfo | TestRun<S>, last?: TestRun<S>) => {
    const [info, run] = typeof infoOrRun === "function" ? [{}, infoOrRun] : [infoOrRun, last];
    if (run === undefined) throw new MeshproofError("usage", `${suite} > ${title} has no function to run`);
    if (tests.some((t) => t.title === title))
      throw new MeshproofError("usage", `${suite} has two tests named "${title}"`, {
        remedy: "name the clusters in the title",
      });
    tests.push({ title, ...info, run });
  };
  body({ clusters, pairs: pairsOf(clusters), repeat, test });
  if (tests.length === 0) throw new MeshproofError("usage", `suite ${suite} defines no test`);
  return tests;
}

const pairsOf = (clusters: readonly ClusterName[]): ClusterPair[] =>
  clusters.flatMap((from) =>
    clusters.filter((to) => to !== from).map((to) => ({ name: `${from.name} -> ${to.name}`, from, to })),
  );
