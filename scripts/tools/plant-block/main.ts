// `npm run plant-block -- LAB CLUSTER MS`: drops what a client of a running certification sends, for a time around the
// budget of a gap (METHOD.md, rule 12).
import { Mesh } from "#harness/cluster/mesh.ts";
import { blockFor } from "#harness/faults/catalogue/block.ts";
import { clientsIn } from "#harness/faults/catalogue/threshold.ts";
import { describeError, MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { exit, guardOutput } from "#harness/platform/output.ts";
import { requireLab } from "#harness/state/lab.ts";
import { toolWords } from "../command-line.ts";

guardOutput();
const usage = "npm run plant-block -- LAB CLUSTER MS";
const [lab = "default", name = "east", ms = "6000"] = toolWords({
  usage,
  does: "Drops every TCP packet of a cluster's last prober pod for MS milliseconds, and prints how long it did.",
  most: 3,
});
try {
  const forMs = Number(ms);
  if (!(forMs > 0 && forMs < 600_000))
    throw new MeshproofError("usage", `${JSON.stringify(ms)} is no number of milliseconds below 600000`, {
      remedy: `usage: ${usage}`,
    });
  const cluster = new Mesh(await requireLab(lab)).cluster(name);
  const signal = AbortSignal.timeout(forMs + 120_000);
  const clients = await clientsIn(cluster, { mark: "meshproof:plant-block", signal });
  const client = found(clients.at(-1), `prober pod in ${name}`);
  const lasted = await blockFor(client, { forMs }, signal);
  process.stdout.write(`blocked for ${lasted} ms on ${client.node.name}\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
await exit();
