// `npm run docs-trial [LAB]`: runs the example of docs/guides/writing-a-suite.md on a running lab, and proves it.
import { Interruption } from "#harness/jobs/interruption.ts";
import { describeError, MeshproofError } from "#harness/lib/errors.ts";
import { exit, guardOutput } from "#harness/platform/output.ts";
import { toolWords } from "../command-line.ts";
import { docsTrial } from "./docs-trial.ts";

guardOutput();
const [lab = "default"] = toolWords({
  usage: "npm run docs-trial -- [LAB]",
  does: "Runs the example of docs/guides/writing-a-suite.md on a running lab, and proves it: lab `default`.",
  most: 1,
});
const interruption = new Interruption();
interruption.listen((text) => void process.stderr.write(`${text}\n`));
try {
  const { passed, failed } = await docsTrial({
    lab,
    say: (line) => void process.stdout.write(`${line}\n`),
    signal: interruption.signal,
  });
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = error instanceof MeshproofError ? error.exitCode : 3;
}
await exit();
