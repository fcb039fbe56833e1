import { markdownTable } from "markdown-table";
import { z } from "zod";
import { untestedPair } from "#harness/config/pins.ts";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { countsAsFailure, type RunRecord } from "#harness/model/record.ts";
import { originOf, refuseRun } from "../publishable-run.ts";

const states = [
  "pass",
  "pass in part",
  "unsupported",
  "known defect",
  "accepted",
  "fail",
  "unknown",
  "not run",
] as const;
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
  const { cilium, kubernetes, runId, commit } = originOf(run);
  if (run.suites.length === 0) refuseRun(run, "ran no suite");
  return { cilium, kubernetes, lab: labOf(run), runId, commit, suites: run.suites.map(cellOf) };
}

/** `native-routing` for `kind-configs/native-routing.yaml`, `dual-stack` for `kind-configs/dual-stack/lab.yaml`. */
function labOf({ profile, labFile, clusters }: Run): string {
  const own = labFile?.replace(/^kind-configs\//, "").replace(/(\/lab)?\.yaml(?=$|,)/, "");
  const names = own === undefined ? [profile] : profile === "default" ? [own] : [profile, own];
  return [...names, ...(clusters.length > 2 ? [`${clusters.length} clusters`] : [])].join(", ");
}

/**
 * The worst outcome of a suite's tests decides: fail, unknown, an accepted failure. `why` names all that is not a pass.
 * Reports before 2026-11-27 do not say what was accepted.
 */
function cellOf({ name, tests, errors }: SuiteOf): Cell {
  const of = (outcome: string) => tests.filter((t) => t.outcome === outcome);
  const counted = of("fail").filter(countsAsFailure);
  const accepted = of("fail").filter((t) => !countsAsFailure(t));
  const unsupported = of("unsupported");
  const why = [
    ...errors,
    ...counted.map((t) => (t.defect === undefined ? t.name : `${t.defect}: ${t.name}`)),
    ...of("unknown").map((t) => `unknown: ${t.name}`),
    ...of("skipped").map((t) => `skipped: ${t.name}`),
    ...new Set(accepted.map((t) => t.defect ?? `accepted: ${t.name}`)),
    ...(unsupported.length === 0
      ? []
      : [
          `${unsupported.length} of ${tests.length} tests unsupported: ${[...new Set(unsupported.flatMap((t) => t.reasons))].join("; ")}`,
        ]),
  ];
  const state = (): Cell["state"] => {
    if (counted.length > 0 || errors.length > 0) return "fail";
    if (of("unknown").length > 0) return "unknown";
    if (accepted.some((t) => t.defect === undefined)) return "accepted";
    if (accepted.length > 0) return "known defect";
    if (of("pass").length === 0) return unsupported.length > 0 ? "unsupported" : "not run";
    return of("pass").length < tests.length ? "pass in part" : "pass";
  };
  return { suite: name, state: state(), why };
}

/** With a new run, whose suites replace those of earlier runs of the same version and lab. */
export function withEntries({ runs }: Matrix, added: readonly MatrixEntry[]): Matrix {
  const all = added.reduce<readonly MatrixEntry[]>((earlier, run) => {
    const again = new Set(run.suites.map((s) => s.suite));
    const kept = earlier.map((e) =>
      columnOf(e) === columnOf(run) ? { ...e, suites: e.suites.filter((s) => !again.has(s.suite)) } : e,
    );
    return [...kept.filter((e) => e.suites.length > 0), run];
  }, runs);
  const order = (e: MatrixEntry): string => `${columnOf(e)}\n${e.runId}`;
  return { schema: 1, runs: [...all].sort((a, b) => (order(a) < order(b) ? -1 : 1)) };
}

const columnOf = ({ cilium, lab }: MatrixEntry): string => `${cilium}, ${lab}`;

const kubernetesOf = ({ cilium, kubernetes }: MatrixEntry): string =>
  untestedPair(cilium, kubernetes.replace(/^v/, "")) === undefined
    ? kubernetes
    : `${kubernetes}, not in upstream's list for this Cilium`;

const escaped = (text: string): string => text.replace(/[|<>]/g, (c) => `\\${c}`).replace(/\s+/g, " ");

/** Without what the cell's state says already. */
const reasonsOf = ({ state, why }: Cell): string[] =>
  why.map((w) => (w.startsWith(`${state}: `) ? w.slice(`${state}: `.length) : w));

/** The page: runs, then suites by versions and labs, then the reason of every cell that is not a pass. */
export function matrixPage({ runs }: Matrix): string {
  const suites = [...new Set(runs.flatMap((r) => r.suites.map((s) => s.suite)))].sort();
  const columns = [...Map.groupBy(runs, columnOf)];
  const numberOf = new Map(runs.map((r, i) => [r, i + 1]));
  const cellIn = (of: readonly MatrixEntry[], suite: string): string => {
    const run = of.find((r) => r.suites.some((s) => s.suite === suite));
    const cell = run?.suites.find((s) => s.suite === suite);
    return run === undefined || cell === undefined ? "-" : `${cell.state} (${numberOf.get(run)})`;
  };
  const rows = suites.map((suite) => [suite, ...columns.map(([, of]) => cellIn(of, suite))]);
  const reasons = runs.flatMap((r) =>
    r.suites
      .filter((s) => s.why.length > 0)
      .map((s) => `- ${escaped(columnOf(r))}, ${s.suite}: ${s.state}: ${escaped(reasonsOf(s).join("; "))}`),
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
            ["number", "run", "Cilium", "Kubernetes", "lab", "commit"],
            ...runs.map((r) => [
              `${numberOf.get(r)}`,
              r.runId,
              r.cilium,
              kubernetesOf(r),
              escaped(r.lab),
              r.commit,
            ]),
          ]),
          "In parentheses: the number of the run. `pass in part`: all tests that ran passed, and some are unsupported; `-`: the suite is not part of this lab's run.",
          markdownTable([["suite", ...columns.map(([name]) => escaped(name))], ...rows]),
          ...(reasons.length === 0 ? [] : [reasons.join("\n")]),
        ].join("\n\n"),
    "",
  ].join("\n");
}
