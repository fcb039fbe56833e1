import { matches } from "#harness/lib/pattern.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { TestRecord } from "#harness/model/record.ts";
import { affects, type DefectCluster } from "#harness/semantics/affected.ts";

export interface DefectOptions {
  readonly defects: readonly KnownDefect[];
  readonly clusters: readonly DefectCluster[];
  /** Ids of defects, or `suite > test` in full: failures that the user accepts. */
  readonly accepted: readonly string[];
  /** Not under `--with-fault`: a test may pass or fail for the fault's sake. */
  readonly judgeList: boolean;
}

const repetition = / \(\d+ of \d+\)$/;

/**
 * Names the known defect behind a failure, with the version that fixes it, and marks the failures that the user accepts. A
 * test that passes although the list says it is affected fails: the list is wrong.
 */
export function withKnownDefect(test: TestRecord, options: DefectOptions): TestRecord {
  if (test.outcome !== "pass" && test.outcome !== "fail") return test;
  // An unexpected `unsupported` is a failure too, but of a test that did not run.
  const ran = test.notes.unsupported === undefined;
  const defect = ran ? options.defects.find((d) => isAffected(d, test, options.clusters)) : undefined;
  if (test.outcome === "fail")
    return markAccepted(defect === undefined ? test : named(test, defect), options.accepted);
  if (defect === undefined || !options.judgeList) return test;
  // Without the defect's id: who accepts the defect has not accepted a wrong list.
  return markAccepted({ ...test, outcome: "fail", reasons: [notSeen(defect, test)] }, options.accepted);
}

/** Whether the list says that this test shows the defect on these clusters. */
export function isAffected(
  defect: KnownDefect,
  { suite, name }: Pick<TestRecord, "suite" | "name">,
  clusters: readonly DefectCluster[],
): boolean {
  const title = name.replace(repetition, "");
  const names = clusters.map((c) => c.name);
  return clusters.some(
    (c) =>
      defect.tests.some(
        (t) => t.suite === suite && matches(t.test.replaceAll("{cluster}", c.name), title, names),
      ) && affects(defect, c),
  );
}

const named = (test: TestRecord, defect: KnownDefect): TestRecord => ({
  ...test,
  defect: defect.id,
  reasons: [sentence(defect), ...test.reasons],
});

function markAccepted(test: TestRecord, accepted: readonly string[]): TestRecord {
  const title = `${test.suite} > ${test.name.replace(repetition, "")}`;
  const by = accepted.find((a) => a === test.defect || a === title);
  return by === undefined ? test : { ...test, accepted: by };
}

/** The names of `--accept` that no failure needed. */
export const unusedOf = (accepted: readonly string[], tests: readonly TestRecord[]): string[] =>
  [...new Set(accepted)].filter((name) => !tests.some((t) => t.accepted === name));

const sentence = ({ id, what, fixedIn }: KnownDefect): string =>
  `known defect ${id}: ${what} (${fixedIn.length === 0 ? "no release fixes it yet" : `fixed in Cilium ${fixedIn.join(", ")}`})`;

const notSeen = (defect: KnownDefect, test: TestRecord): string =>
  `suites/known-defects.yaml lists this Cilium version as affected by ${defect.id}, but ${test.suite} > ${test.name} passed: correct the entry's range`;
