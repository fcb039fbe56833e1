// `npm run registry-trial`: brings a lab up from a local registry, to test images from registries.
import { planLab } from "#harness/config/plan.ts";
import { describeError } from "#harness/lib/errors.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { terminalProgress } from "#harness/platform/progress.ts";
import { toolWords } from "../command-line.ts";
import { registryTrial } from "./registry-trial.ts";

guardOutput();
toolWords({
  usage: "npm run registry-trial",
  does: "Brings a lab up from a local registry, to test images from registries.",
  most: 0,
});
using progress = terminalProgress();
const interrupted = new AbortController();
process.on("SIGINT", () => interrupted.abort());
try {
  await registryTrial(await planLab({ lab: "registry-trial" }), 5999, progress, interrupted.signal);
  process.stdout.write("1 passed, 0 failed\n");
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 1;
}
