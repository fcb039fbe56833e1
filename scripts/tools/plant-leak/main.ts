// `npm run plant-leak -- LAB CLUSTER MS [to-server|masqueraded]`: opens a policy of a running certification for a moment,
// which the certification must detect.
import { describeError, MeshproofError } from "#harness/lib/errors.ts";
import { exit, guardOutput } from "#harness/platform/output.ts";
import { toolWords } from "../command-line.ts";
import { plantedLeaks, plantLeak } from "./plant-leak.ts";

guardOutput();
const usage = "npm run plant-leak -- LAB CLUSTER MS [to-server|masqueraded]";
const [lab = "default", cluster = "east", ms = "200", kind = "to-server"] = toolWords({
  usage,
  does: "Opens a policy of a running certification for MS milliseconds, which the certification must detect.",
  most: 4,
});
try {
  const leak = plantedLeaks.find((known) => known === kind);
  if (leak === undefined)
    throw new MeshproofError("usage", `there is no leak ${kind}`, {
      remedy: `name one of ${plantedLeaks.join(", ")}`,
    });
  const forMs = Number(ms);
  if (!(forMs > 0 && forMs < 600_000))
    throw new MeshproofError("usage", `${JSON.stringify(ms)} is no number of milliseconds below 600000`, {
      remedy: `usage: ${usage}`,
    });
  await plantLeak(lab, cluster, { forMs, leak });
  process.stdout.write(`open for ${ms} ms\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
await exit();
