import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { MeshproofError } from "#harness/lib/errors.ts";
import { parseRunContext, type RunContext } from "#harness/model/run-context.ts";
import { writeAtomic } from "#harness/platform/paths.ts";
import { labDir } from "#harness/state/lab.ts";

/** The only environment variable that suites read: the path of the run's context. */
export const runVariable = "MESHPROOF_RUN";

/** Reads the context that `MESHPROOF_RUN` names. Throws `usage` without one, `config-invalid` for a wrong one. */
export async function readRunContext(file = process.env[runVariable]): Promise<RunContext> {
  if (file === undefined || file === "") throw noContext("does not name a run context");
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw noContext(`names ${file}, which cannot be read`, error);
  });
  return parseRunContext(text, file);
}

/** The remedy is in the message: vitest, started by hand, prints nothing else. */
const noContext = (what: string, cause?: unknown): MeshproofError =>
  new MeshproofError(
    "usage",
    `${runVariable} ${what}; write one with \`npm run mesh -- test --write-context FILE\`, then run \`${runVariable}=FILE npx vitest run --project suites suites/NAME\``,
    { cause },
  );

/** Where a command keeps the context of the suites that it runs: one command at a time tests a lab. */
export const runContextFile = (lab: string): string => join(labDir(lab), "run-context.json");

export function writeRunContext(file: string, context: RunContext): Promise<void> {
  return writeAtomic(file, `${JSON.stringify(context, null, 2)}\n`, 0o600);
}
