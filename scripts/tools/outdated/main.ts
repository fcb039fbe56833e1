// `npm run outdated`: lists newer versions of every pin that the module proxy serves. Downloads each candidate once.
import { pins } from "#harness/config/pins.ts";
import { companionsOf } from "#harness/images/source/components.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { downloadModule, versionsOf } from "#harness/platform/go.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { newer, newestServed, pinsToCheck } from "./outdated.ts";

guardOutput();
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

const newest = Object.values(pins.minors).at(-1);
const kubernetes = await downloadModule("k8s.io/kubernetes", `v${newest?.kubernetes}`, stop.signal);
const { etcd } = await companionsOf(kubernetes.dir);
for (const pin of pinsToCheck(etcd)) {
  const candidates = newer(pin, await versionsOf(pin.module, stop.signal));
  const served = await newestServed(candidates, async (version) => {
    try {
      await downloadModule(pin.module, version, stop.signal);
      return true;
    } catch (error) {
      if (stop.signal.aborted || !(error instanceof MeshproofError)) throw error;
      return false;
    }
  });
  const state =
    served !== undefined
      ? `${served} is served`
      : candidates.length > 0
        ? `newest served (${candidates[0]} is refused)`
        : "newest";
  console.log(`${pin.name.padEnd(24)} ${pin.version.padEnd(10)} ${state}`);
}
