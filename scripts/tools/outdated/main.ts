// `npm run outdated`: lists newer versions of every pin that the module proxy serves. Downloads each candidate once.
import { readFile } from "node:fs/promises";
import { pins } from "#harness/config/pins.ts";
import { companionsOf } from "#harness/images/source/components.ts";
import { agentRoot, nodeRoot, packagesFile, proberRoot } from "#harness/images/source/debian.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { debianPackagesFormat } from "#harness/model/image-store.ts";
import { downloadModule, versionsOf } from "#harness/platform/go.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { toolWords } from "../command-line.ts";
import { debianLines, newer, newestPatch, newestServed, pinsToCheck } from "./outdated.ts";

guardOutput();
toolWords({
  usage: "npm run outdated",
  does: "Lists newer versions of every pin that the module proxy serves. Downloads each candidate once.",
  most: 0,
});
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

const newest = Object.values(pins.minors).at(-1);
const kubernetes = await downloadModule("k8s.io/kubernetes", `v${newest?.kubernetes}`, stop.signal);
const { etcd } = await companionsOf(kubernetes.dir);
for (const pin of pinsToCheck(etcd)) {
  const isServed = async (version: string): Promise<boolean> => {
    try {
      await downloadModule(pin.module, version, stop.signal);
      return true;
    } catch (error) {
      if (stop.signal.aborted || !(error instanceof MeshproofError)) throw error;
      return false;
    }
  };
  const candidates = newer(pin, await versionsOf(pin.module, stop.signal));
  const listed = await newestServed(candidates, isServed);
  const served = listed ?? (pin.within === undefined ? undefined : await newestPatch(pin.version, isServed));
  const state =
    served !== undefined
      ? `${served} is served`
      : candidates.length > 0
        ? `newest served (${candidates[0]} is refused)`
        : "newest";
  console.log(`${pin.name.padEnd(24)} ${pin.version.padEnd(10)} ${state}`);
}

for (const root of [nodeRoot, agentRoot, proberRoot]) {
  const file = packagesFile(root);
  const text = await readFile(file, "utf8").catch(() => undefined);
  const remedy = "remove it; the next run rebuilds it";
  if (text === undefined) console.log(`Debian root ${root.name}: not built on this machine`);
  else
    for (const line of debianLines(
      root.name,
      root.packages,
      parseRecord(text, debianPackagesFormat, { what: file, remedy }),
    ))
      console.log(line);
}
console.log("the program `node` and other npm packages: `npm outdated` lists them; Go is the machine's own");
