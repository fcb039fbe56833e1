import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { MeshproofError } from "#harness/lib/errors.ts";
import { parseRunContext, type RunContext } from "#harness/model/run-context.ts";
import { writeAtomic } from "#harness/platform/paths.ts";
import { labDir } from "#harness/state/lab.ts";

/** Path of the run's context; the only environment variable that suites read. */
export const runVariable = "MESHPROOF_RUN";

/** Reads the context that `MESHPROOF_RUN` names. Throws `usage` without one, `config-invalid` for an invalid one. */
export async function readRunContext(file = process.env[runVariable]): Promise<RunContext> {
  if (file === undefined || file === "") throw noContext("does not name a run context");
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw noContext(`names ${file}, which cannot be read`, error);
  });
  return parseRunContext(text, file);
}

/** The remedy is part of the message, because vitest prints nothing else if started by hand. */
const noContext = (what: string, cause?: unknown): MeshproofError =>
  new MeshproofError(
    "usage",
    `${runVariable} ${what}; write one with \`npm run mesh -- test --write-context FILE\`, then run \`${runVariable}=FILE npx vitest run --project suites suites/NAME\``,
    { cause },
  );

/** Path of the context that a command writes for its suites: only one command at a time tests a lab. */
export const runContextFile = (lab: string): string => join(labDir(lab), "run-context.json");

export function writeRunContext(file: string, context: RunContext): Promise<void> {
  return writeAtomic(file, `${JSON.stringify(context, null, 2)}\n`, 0o600);
}
