// `npm run plant-leak -- LAB CLUSTER MS`: opens the policy of a running certification for a moment, which the
// certification must detect.
import { describeError } from "#harness/lib/errors.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { plantLeak } from "./plant-leak.ts";

guardOutput();
const [lab = "default", cluster = "east", ms = "200"] = process.argv.slice(2);
try {
  await plantLeak(lab, cluster, Number(ms));
  process.stdout.write(`open for ${ms} ms\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
process.exit();
