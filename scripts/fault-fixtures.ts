// `node scripts/fault-fixtures.ts REPORT`: fixtures for diagnose's unit tests, from the folder of a `prove` run.
import { describeError } from "#harness/lib/errors.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { faultFixtures } from "./tools/fault-fixtures.ts";

guardOutput();
try {
  const written = await faultFixtures(
    process.argv[2] ?? "reports/latest",
    (line) => void process.stdout.write(`${line}\n`),
  );
  process.stdout.write(`${written} fixtures written\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
