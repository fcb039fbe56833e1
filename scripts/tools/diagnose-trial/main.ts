// `npm run diagnose-trial -- LAB [COUNT] [SEED]`: checks that `diagnose` names injected faults.
import { describeError } from "#harness/lib/errors.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { diagnoseTrial } from "./diagnose-trial.ts";

guardOutput();
const interrupted = new AbortController();
process.on("SIGINT", () => interrupted.abort());
const [lab = "default", count = "12", seed = String(Date.now() % 100_000)] = process.argv.slice(2);
try {
  const { passed, failed } = await diagnoseTrial({
    lab,
    count: Number(count),
    seed: Number(seed),
    say: (line) => void process.stdout.write(`${line}\n`),
    signal: interrupted.signal,
  });
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 3;
}
process.exit();
