// `npm run diagnose-trial -- LAB [COUNT] [SEED]`: checks that `diagnose` names injected faults; --help says more.
import { describeError, MeshproofError } from "#harness/lib/errors.ts";
import { exit, guardOutput } from "#harness/platform/output.ts";
import { diagnoseTrial } from "./diagnose-trial.ts";
import { help, trialOptions } from "./options.ts";

guardOutput();
const interrupted = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => interrupted.abort());
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function run(): Promise<number> {
  const options = trialOptions(process.argv.slice(2), Date.now() % 100_000);
  if (options === undefined) {
    process.stdout.write(help);
    return 0;
  }
  const { passed, failed } = await diagnoseTrial(options, { say, signal: interrupted.signal });
  say(`\n${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

try {
  process.exitCode = await run();
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = interrupted.signal.aborted ? 130 : error instanceof MeshproofError ? error.exitCode : 3;
}
await exit();
