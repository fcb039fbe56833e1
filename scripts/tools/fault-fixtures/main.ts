// `npm run fault-fixtures -- REPORT`: fixtures for diagnose's unit tests, from the folder of a `prove` run.
import { describeError } from "#harness/lib/errors.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { toolWords } from "../command-line.ts";
import { faultFixtures } from "./fault-fixtures.ts";

guardOutput();
const [run = "reports/latest"] = toolWords({
  usage: "npm run fault-fixtures -- [REPORT_DIR]",
  does: "Writes fixtures for diagnose's unit tests from the folder of a `prove` run: `reports/latest` by default.",
  most: 1,
});
try {
  const written = await faultFixtures(run, (line) => void process.stdout.write(`${line}\n`));
  process.stdout.write(`${written} fixtures written\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
