// `npm run plant-leak -- LAB CLUSTER MS [to-server|masqueraded]`: opens a policy of a running certification for a moment,
// which the certification must detect.
import { describeError, MeshproofError } from "#harness/lib/errors.ts";
import { exit, guardOutput } from "#harness/platform/output.ts";
import { plantedLeaks, plantLeak } from "./plant-leak.ts";

guardOutput();
const [lab = "default", cluster = "east", ms = "200", kind = "to-server"] = process.argv.slice(2);
try {
  const leak = plantedLeaks.find((known) => known === kind);
  if (leak === undefined)
    throw new MeshproofError("usage", `there is no leak ${kind}`, {
      remedy: `name one of ${plantedLeaks.join(", ")}`,
    });
  await plantLeak(lab, cluster, { forMs: Number(ms), leak });
  process.stdout.write(`open for ${ms} ms\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
await exit();
