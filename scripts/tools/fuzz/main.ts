// `npm run fuzz -- [--runs N] [--seed S]`: generated archives, damaged and hostile, for `diagnose`.
import { parseArgs } from "node:util";
import { describeError, MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { fuzz } from "./fuzz.ts";
import { largeLogs } from "./large-log.ts";

const help = `npm run fuzz -- [--runs N] [--seed S]

Reads N generated archives (10,000 by default), damaged and hostile ones among them, as \`diagnose\` does, and archives
with a log of 2 GiB. Each must be read or refused with a typed error, within bounded time and memory, and its output must
be escaped. A failure prints the case; the seed that is printed first repeats the run. Exit code 1 if a case fails.
`;

guardOutput();

function numberOf(text: string | undefined, name: string, otherwise: number): number {
  if (text === undefined) return otherwise;
  // Without a case, all would pass.
  if (!/^\d{1,9}$/.test(text) || (name === "--runs" && Number(text) === 0))
    throw new MeshproofError(
      "usage",
      `${name} ${text} is not a number${name === "--runs" ? " above 0" : ""}`,
      {
        remedy: "npm run fuzz -- --help",
      },
    );
  return Number(text);
}

function optionsOf(): { help: boolean; runs: number; seed: number } {
  try {
    const { values } = parseArgs({
      options: { runs: { type: "string" }, seed: { type: "string" }, help: { type: "boolean", short: "h" } },
    });
    return {
      help: values.help === true,
      runs: numberOf(values.runs, "--runs", 10_000),
      seed: numberOf(values.seed, "--seed", Date.now() % 1_000_000_000),
    };
  } catch (error) {
    if (error instanceof MeshproofError) throw error;
    throw new MeshproofError("usage", messageOf(error), { remedy: "npm run fuzz -- --help" });
  }
}

async function run(): Promise<number> {
  const { help: wantsHelp, runs, seed } = optionsOf();
  if (wantsHelp) {
    process.stdout.write(help);
    return 0;
  }
  process.stdout.write(`seed ${seed}, ${runs} archives\n`);
  try {
    for (const { name, exitCode, ms } of await largeLogs())
      process.stdout.write(`a log of 2 GiB in ${name}: exit code ${exitCode} in ${ms} ms\n`);
    const exitCodes = await fuzz({
      runs,
      seed,
      progress: (done) => void (done % 500 === 0 && process.stdout.write(`${done}\n`)),
    });
    const counts = [...exitCodes]
      .toSorted(([a], [b]) => a - b)
      .map(([code, n]) => `${n} with exit code ${code}`);
    process.stdout.write(`all passed: ${counts.join(", ")}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\nrepeat it with --seed ${seed} --runs ${runs}\n`);
    return 1;
  }
}

try {
  process.exitCode = await run();
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
