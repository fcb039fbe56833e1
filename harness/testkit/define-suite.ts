import type { TestContext } from "vitest";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Requirement } from "./capabilities.ts";
import type { EchoNeed, SuiteFixtures, TestFixtures } from "./fixture-types.ts";

/**
 * `core`: on every lab. `lab`: if the lab file or the command names it. `long`: only if the command names it, or its
 * tag `extended`. A `lab` suite tagged `extended` also needs one of these two.
 */
export type When = "core" | "lab" | "long";

/** Description of a suite in lists and reports. */
export interface SuiteInfo {
  readonly name: string;
  /**
   * `core`, `long`, its subject; `disruptive` if it changes Cilium or nodes, not only its own objects;
   * `extended` if a default run leaves it out, which then has time for its tests.
   */
  readonly tags: readonly string[];
  readonly when: When;
  /** Position among the suites of the same `when`: a suite comes before those that depend on what it checks. */
  readonly order?: number;
  /** One sentence each. */
  readonly goal: string;
  readonly method: string;
  /** The part of the mesh that a failure points to. */
  readonly failureMeans: string;
  /** If one is missing, every test is `unsupported`, before anything is created. */
  readonly requires?: readonly Requirement[];
}

export interface SuiteDefinition<S> extends SuiteInfo {
  /** Backends in every cluster, if `echo` is used. */
  readonly echo?: EchoNeed;
  /** Runs once before the tests, which receive its result as `setup`. Must destructure its parameter. */
  readonly setup?: (context: SuiteFixtures) => Promise<S>;
}

/** Description of a test, except its title. */
export interface TestInfo {
  readonly goal?: string;
  /** If one is missing, the test is `unsupported`, before anything is created. */
  readonly requires?: readonly Requirement[];
  /** A link to the documentation, or the section of a KEP, that specifies this. */
  readonly spec?: string;
  /** 300 s by default. */
  readonly timeoutMs?: number;
}

export interface TestCase extends TestInfo {
  readonly title: string;
}

/** Parameter of a test's function, which must destructure it: vitest derives from that what to set up. */
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

/** Parameter of a suite's body: names only, because the body also runs without a lab. */
export interface SuiteKit<S> {
  readonly clusters: readonly ClusterName[];
  readonly pairs: readonly ClusterPair[];
  /** How often to repeat each measured test. */
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

/** Called with each suite when it is defined, in a vitest worker. Undefined if suites are only listed. */
let register: RegisterSuite | undefined;

/** Called once in a vitest worker, before suites are imported. */
export function onDefineSuite(hook: RegisterSuite): void {
  register = hook;
}

/** Declares a suite. Its body runs once for listing and once in a vitest worker, so it must only call `test`. */
export function defineSuite<S = undefined>(
  definition: SuiteDefinition<S>,
  body: (kit: SuiteKit<S>) => void,
): Suite<S> {
  const suite: Suite<S> = { definition, tests: (options) => repeatTests(definition.name, body, options) };
  register?.(suite);
  return suite;
}

/**
 * The tests with their repetitions. A suite whose body repeats its measurements keeps its own tests; any other repeats
 * all of its tests, one round after the other.
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
