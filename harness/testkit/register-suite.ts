import { beforeAll } from "vitest";
import { expectationOf } from "#harness/judge/kill-matrix.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { TestNotes } from "#harness/model/record.ts";
import type { RunContext } from "#harness/model/run-context.ts";
import { decisionsOf, missingOf, type Requirement } from "./capabilities.ts";
import type { Suite, TestCase } from "./define-suite.ts";
import { withoutCount } from "./selection.ts";
import { suiteTest } from "./suite-test.ts";

/** The default timeout of a test. */
const testMs = 300_000;

/**
 * Registers a suite's tests with vitest. Tests that need not run are skipped here, with the reason as data: vitest sets
 * up nothing for a suite whose tests are all skipped.
 */
export function registerSuite<S>(suite: Suite<S>, run: RunContext): void {
  const { definition } = suite;
  const all = suite.tests(run);
  // In the order of the selection: that of a campaign is random.
  const tests =
    run.selected[definition.name]?.flatMap((title) => all.filter((t) => t.title === title)) ?? all;
  const required = tests.flatMap((t) => requiredBy(suite, t));
  // Before the set-up, which `suiteTest` adds as a later hook.
  beforeAll(() => checkDecided(definition.name, required, run));
  const test = suiteTest(definition, run);
  for (const case_ of tests) {
    const notes = leftOut(suite, case_, run);
    const options = { timeout: case_.timeoutMs ?? testMs };
    if (notes === undefined) test(case_.title, options, case_.run);
    else test(case_.title, { ...options, skip: true, meta: { meshproof: notes } }, case_.run);
  }
}

export const requiredBy = <S>({ definition }: Suite<S>, test: TestCase): readonly Requirement[] => [
  ...(definition.requires ?? []),
  ...(test.requires ?? []),
];

/** Why a test does not run; undefined if it runs. */
export function leftOut<S>(suite: Suite<S>, test: TestCase, run: RunContext): TestNotes | undefined {
  const unsupported = missingOf(requiredBy(suite, test), run.capabilities);
  if (unsupported !== undefined) return { unsupported };
  const expected = run.expected[suite.definition.name];
  if (expected === undefined || run.includeEither) return undefined;
  return expectationOf(expected, withoutCount(test.title), run.clusters) === "either"
    ? { skipped: "left out because the fault may or may not break it" }
    : undefined;
}

/** Throws, as an error of the set-up, if it is undecided whether a required capability is present. */
export function checkDecided(suite: string, required: readonly Requirement[], run: RunContext): void {
  for (const requirement of required) {
    const decisions = decisionsOf([requirement], run.capabilities);
    const name = typeof requirement === "string" ? requirement : requirement.capability;
    if (decisions.length === 0)
      throw new MeshproofError("usage", `the run context does not say whether the lab has ${name}`, {
        remedy: "write it again: `npm run mesh -- test --write-context FILE`",
      });
    const open = decisions.find((d) => d.state === "undecided");
    if (open !== undefined)
      throw new MeshproofError(
        "kube-request",
        `${suite} requires ${name}; whether ${open.cluster} has it could not be read: ${open.reason}`,
      );
  }
}
