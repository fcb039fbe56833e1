import { markdownTable } from "markdown-table";
import { z } from "zod";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import type { RunRecord } from "#harness/model/record.ts";

const states = ["pass", "unsupported", "known defect", "fail", "not run"] as const;
const cellSchema = z.object({
  suite: z.string(),
  state: z.enum(states),
  /** Why: reasons of what is unsupported, ids of known defects, titles of failed tests. */
  why: z.array(z.string()),
});
type Cell = Infer<typeof cellSchema>;

const entrySchema = z.object({
  cilium: z.string(),
  kubernetes: z.string(),
  lab: z.string(),
  runId: z.string(),
  commit: z.string().regex(/^[0-9a-f]{7,40}$/),
  suites: z.array(cellSchema),
});
export type MatrixEntry = Infer<typeof entrySchema>;
const matrixSchema = z.object({ schema: z.literal(1), runs: z.array(entrySchema) });
type Matrix = Infer<typeof matrixSchema>;
/** `reports/published/versions.json`. */
export const matrixFormat: RecordFormat<Matrix> = { schema: matrixSchema };

type Run = Pick<RunRecord, "runId" | "commit" | "profile" | "labFile" | "clusters" | "suites" | "fault">;
type SuiteOf = Run["suites"][number];

/** One run as a row. Throws `usage` for a run that says nothing of a version: a fault, mixed versions, an unclean commit. */
export function entryOf(run: Run): MatrixEntry {
  const refuse = (why: string): never => {
    throw new MeshproofError("usage", `run ${run.runId} ${why}`, {
      remedy: "name a run of one version, without a fault, from a commit without changes",
    });
  };
  const { commit = "an unknown commit" } = run;
  if (!/^[0-9a-f]{7,40}$/.test(commit)) refuse(`is from ${commit}: not from a commit without changes`);
  if (run.fault !== undefined && run.fault !== null) refuse(`has fault ${run.fault}`);
  const one = (what: "cilium" | "kubernetes"): string => {
    const [first, ...others] = new Set(run.clusters.map((c) => c[what]));
    return first === undefined || others.length > 0 ? refuse(`has not one version of ${what}`) : first;
  };
  if (run.suites.length === 0) refuse("ran no suite");
  return {
    cilium: one("cilium"),
    kubernetes: one("kubernetes"),
    lab: labOf(run),
    runId: run.runId,
    commit,
    suites: run.suites.map(cellOf),
  };
}

/** `native-routing` for `kind-configs/native-routing.yaml`, `dual-stack` for `kind-configs/dual-stack/lab.yaml`. */
function labOf({ profile, labFile, clusters }: Run): string {
  const own = labFile?.replace(/^kind-configs\//, "").replace(/(\/lab)?\.yaml(?=$|,)/, "");
  const names = own === undefined ? [profile] : profile === "default" ? [own] : [profile, own];
  return [...names, ...(clusters.length > 2 ? [`${clusters.length} clusters`] : [])].join(", ");
}

/** The worst of a suite's tests decides; an unknown or a skipped test leaves the suite not run. */
function cellOf({ name, tests, errors }: SuiteOf): Cell {
  const of = (outcome: string) => tests.filter((t) => t.outcome === outcome);
  const failed = of("fail").filter((t) => acceptedOf(t) === undefined);
  const known = tests.flatMap((t) => acceptedOf(t) ?? []);
  const unsupported = of("unsupported");
  const open = [...of("unknown"), ...of("skipped")];
  if (failed.length > 0 || errors.length > 0)
    return { suite: name, state: "fail", why: [...errors, ...failed.map((t) => t.name)] };
  if (known.length > 0) return { suite: name, state: "known defect", why: [...new Set(known)] };
  if (tests.length === 0 || open.length > 0)
    return { suite: name, state: "not run", why: open.map((t) => `${t.name}: ${t.outcome}`) };
  if (unsupported.length > 0) {
    const why = [...new Set(unsupported.flatMap((t) => t.reasons))];
    const all =
      unsupported.length === tests.length ? "all tests" : `${unsupported.length} of ${tests.length} tests`;
    return { suite: name, state: "unsupported", why: [`${all}: ${why.join("; ")}`] };
  }
  return { suite: name, state: "pass", why: [] };
}

/** The id of the known defect that a failed test was accepted for; reports before 2026-11-27 have none. */
function acceptedOf(test: object): string | undefined {
  const accepted = "accepted" in test ? test.accepted : undefined;
  return typeof accepted === "string" ? accepted : undefined;
}

/** With new rows; a later run replaces the row of the same minor and lab. */
export function withEntries({ runs }: Matrix, added: readonly MatrixEntry[]): Matrix {
  const keyOf = (e: MatrixEntry): string => `${e.cilium}\n${e.lab}`;
  const byKey = new Map([...runs, ...added].map((e) => [keyOf(e), e]));
  return { schema: 1, runs: [...byKey.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)) };
}

const escaped = (text: string): string => text.replace(/[|<>]/g, (c) => `\\${c}`).replace(/\s+/g, " ");

/** The page: suites by runs, then the reason of every cell that is not a pass. */
export function matrixPage({ runs }: Matrix): string {
  const suites = [...new Set(runs.flatMap((r) => r.suites.map((s) => s.suite)))].sort();
  const heads = runs.map((r) => `${r.cilium}, ${r.lab}`);
  const rows = suites.map((suite) => [
    suite,
    ...runs.map((r) => r.suites.find((s) => s.suite === suite)?.state ?? "not run"),
  ]);
  const reasons = runs.flatMap((r) =>
    r.suites
      .filter((s) => s.why.length > 0)
      .map((s) => `- ${r.cilium}, ${escaped(r.lab)}, ${s.suite}: ${s.state}: ${escaped(s.why.join("; "))}`),
  );
  return [
    "# Versions",
    "",
    "Generated by `npm run matrix` from real runs (`reports/published/versions.json`). Do not edit.",
    "",
    runs.length === 0
      ? "No run is published yet."
      : [
          markdownTable([
            ["run", "Cilium", "Kubernetes", "lab", "commit"],
            ...runs.map((r) => [r.runId, r.cilium, r.kubernetes, escaped(r.lab), r.commit]),
          ]),
          markdownTable([["suite", ...heads.map(escaped)], ...rows]),
          ...(reasons.length === 0 ? [] : [reasons.join("\n")]),
        ].join("\n\n"),
    "",
  ].join("\n");
}
