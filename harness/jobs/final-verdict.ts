import { join } from "node:path";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { checkAccepted, readKnownDefects } from "#harness/config/known-defects.ts";
import { isKindPlan } from "#harness/config/plan.ts";
import { withKnownDefect } from "#harness/judge/known-defects.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { LabPlan } from "#harness/model/lab-plan.ts";
import type { TestRecord } from "#harness/model/record.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { type ListedSuite, listTests, suiteNames } from "#harness/testkit/suite-list.ts";
import { defectClusters } from "./defect-clusters.ts";
import { conformanceSuite } from "./mcs-conformance.ts";
import type { RunHead } from "./run-head.ts";
import { failUnexpectedSkip, readAllowances } from "./unsupported.ts";

interface AcceptOptions {
  readonly accept?: readonly string[];
  readonly fault?: string;
}

/** Judges a test by the lists of the repository and the user's `--accept`. */
export type FinalVerdict = (test: TestRecord) => TestRecord;

/** The known defects of Cilium. Throws `usage` for an `--accept` that names none of them and no test; needs no lab. */
export async function knownDefects(
  { accept = [] }: Pick<AcceptOptions, "accept">,
  all: readonly ListedSuite[],
  plan: Pick<LabPlan, "clusters">,
): Promise<readonly KnownDefect[]> {
  const defects = await readKnownDefects(join(repoRoot(), "suites"));
  const titles = listTests(
    all,
    plan.clusters.map((c) => c.name),
  );
  checkAccepted(
    accept,
    defects,
    [...titles].flatMap(([suite, tests]) => tests.map((t) => `${suite} > ${t}`)),
  );
  return defects;
}

/** Decided once, before the first test: every output and the exit code follow from its records. */
export async function finalVerdict(
  { accept = [], fault }: AcceptOptions,
  all: readonly ListedSuite[],
  defects: readonly KnownDefect[],
  { mesh, head }: { readonly mesh: Mesh; readonly head: RunHead },
): Promise<FinalVerdict> {
  const { plan } = mesh.state;
  const conditions = {
    ciliums: head.clusters.map((c) => c.cilium),
    imageSource: head.imageSource,
    profile: head.profile,
    serviceType: plan.serviceType,
    suites: isGeneratedLab(plan) ? [...suiteNames(all, "core"), ...plan.suites, conformanceSuite] : [],
  };
  const allowances = await readAllowances();
  const options = {
    defects,
    clusters: await defectClusters(mesh, head.clusters, defects),
    accepted: accept,
    judgeList: fault === undefined,
  };
  return (test) => withKnownDefect(failUnexpectedSkip(test, allowances, conditions), options);
}

/** The titles whose failure would be an accepted one, by suite: workers must know them to pause at no such failure. */
export function acceptedTitles(
  suites: readonly ListedSuite[],
  clusters: readonly string[],
  verdict: FinalVerdict,
): Record<string, string[]> {
  const failing = (suite: string, name: string): TestRecord => ({
    suite,
    name,
    outcome: "fail",
    reasons: [],
    durationMs: 0,
    notes: {},
  });
  const titles = [...listTests(suites, clusters)].map(
    ([suite, tests]) =>
      [suite, tests.filter((t) => verdict(failing(suite, t)).accepted !== undefined)] as const,
  );
  return Object.fromEntries(titles.filter(([, tests]) => tests.length > 0));
}

/** The allowance list does not cover external clusters and rebuilt environments. */
const isGeneratedLab = (plan: LabPlan): boolean =>
  !plan.suites.includes("rebuilt-environment") && isKindPlan(plan);
