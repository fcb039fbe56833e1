import { readFile } from "node:fs/promises";
import { z } from "zod";
import { formatMs } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { type Infer, parseRecord, type RecordFormat } from "#harness/lib/records.ts";
import { textTable } from "#harness/lib/table.ts";
import type { TrialOptions } from "./options.ts";

const checkSchema = z.object({ ok: z.boolean(), said: z.string(), ms: z.number() });
/** One check of a fault: what was reported, and how long it took. */
export type Check = Infer<typeof checkSchema>;

const resultSchema = z.object({
  fault: z.string(),
  at: z.string(),
  names: z.array(z.string()),
  live: checkSchema.exactOptional(),
  files: checkSchema.exactOptional(),
  sysdump: checkSchema.exactOptional(),
  /** Why no archive was asked. */
  liveOnly: z.string().exactOptional(),
  /** `followed`: commands were run, and `ok` says whether they repaired it; `no-command`: healed by the fault itself. */
  remedy: checkSchema
    .extend({ how: z.enum(["followed", "no-command"]), commands: z.array(z.string()) })
    .exactOptional(),
  /** The fixture that was written. */
  fixture: z.string().exactOptional(),
  /** What ended the trial of this fault before its checks. */
  error: z.string().exactOptional(),
});
/** What came of one fault. */
export type TrialResult = Infer<typeof resultSchema>;

const resultFormat: RecordFormat<TrialResult> = { schema: resultSchema };

type Asked = Pick<TrialOptions, "sysdump" | "remedies">;

/** A fault passes if every check that was asked for does. A next step without a command is neither passed nor failed. */
export function outcomeOf(
  result: TrialResult,
  { sysdump, remedies }: Asked,
): "passed" | "failed" | "no command" {
  const { error, live, files, remedy, liveOnly } = result;
  const checks = [live, files, ...(sysdump && liveOnly === undefined ? [result.sysdump] : [])];
  if (error !== undefined || checks.some((c) => c?.ok !== true)) return "failed";
  if (!remedies) return "passed";
  if (remedy?.how === "no-command") return "no command";
  return remedy?.ok === true ? "passed" : "failed";
}

/** Of several results of a fault the last one counts. */
export function latest(results: readonly TrialResult[]): TrialResult[] {
  return [...new Map(results.map((r) => [r.fault, r])).values()];
}

export async function readResults(file: string): Promise<TrialResult[]> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new MeshproofError("usage", `${file} could not be read`, {
      remedy: "name the diagnose-trial.jsonl of an earlier trial",
      cause,
    });
  });
  const lines = text.split("\n");
  // A killed trial may leave half a line.
  const whole = lines.filter((line, i) => line !== "" && (i < lines.length - 1 || line.endsWith("}")));
  return whole.map((line, i) =>
    parseRecord(line, resultFormat, { what: `line ${i + 1} of ${file}`, remedy: "remove the line" }),
  );
}

const cell = (check: Check | undefined): string =>
  check === undefined ? "-" : `${check.ok ? "pass" : "FAIL"} ${formatMs(check.ms)}`;

/** The table of all faults, and a line for each that did not pass. */
export function summary(results: readonly TrialResult[], asked: Asked): string[] {
  const rows = results.map((r) => [
    r.fault,
    outcomeOf(r, asked),
    cell(r.live),
    cell(r.files),
    cell(r.sysdump),
    r.remedy?.how === "no-command" ? "no command" : cell(r.remedy),
  ]);
  const without = results.filter((r) => outcomeOf(r, asked) === "no command").length;
  const failed = results.filter((r) => outcomeOf(r, asked) === "failed");
  return [
    ...textTable([["fault", "outcome", "live", "files", "sysdump", "remedy"], ...rows]),
    ...failed.map((r) => `FAIL  ${r.fault}: ${reasonOf(r)}`),
    ...(without === 0 ? [] : [`${without} without a command in the next step`]),
  ];
}

function reasonOf({ error, live, files, sysdump, remedy }: TrialResult): string {
  const checks = { live, files, sysdump, remedy: remedy?.how === "followed" ? remedy : undefined };
  const said = Object.entries(checks).flatMap(([name, c]) => (c?.ok === false ? [`${name}: ${c.said}`] : []));
  return [...said, ...(error === undefined ? [] : [error])].join("; ");
}
