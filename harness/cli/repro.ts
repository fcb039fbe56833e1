import { join } from "node:path";
import { checkWritable } from "#harness/config/user-file.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import { defineCommand } from "./command.ts";
import { planOptions } from "./lab-options.ts";
import { flag, json, labToBuild, setup, textOr } from "./options.ts";
import { bringUp, sayUp } from "./up.ts";

export const repro = defineCommand({
  name: "repro",
  help: "rebuild a source environment as a lab, as closely as possible, and keep it; prints the differences first",
  arguments: [
    {
      name: "<files...>",
      help: "archives of cilium sysdump (zip, tar, tar.gz or unpacked), Helm values (also within objects such as a HelmRelease), kubectl YAML, scripts with --set, and folders of them; NAME=FILE if a file does not name its cluster",
      words: "files",
    },
  ],
  options: {
    ...labToBuild,
    plan: flag(
      "--plan",
      "print the differences, write the lab file and check it as `up` does, without building the lab",
    ),
    out: textOr("--out <folder>", "folder for the lab file", "repro"),
    ...setup,
    ...json,
  },
  async run({ words: files, options: o, session }) {
    const { say } = session;
    checkWritable(join(o.out, "lab.yaml"), "--out");
    const [first = ""] = files;
    if (files.length === 1 && first.endsWith(".zip")) {
      const { unpackBundle } = await import("#harness/jobs/repro/bundle.ts");
      const bundled = await unpackBundle(first, o.out);
      if (bundled !== undefined) {
        say(`the file is a bundle; written: ${bundled.labFile}`);
        if (!o.plan)
          await sayUp(await bringUp({ ...o, keep: false, labFile: bundled.labFile }, session), say);
        for (const fault of bundled.faults)
          say(
            `fault active in the bundled lab; inject it with: ${meshCommand("inject", fault, "--lab", o.lab)}`,
          );
        if (o.json) await session.json({ labFile: bundled.labFile, faults: bundled.faults });
        return;
      }
    }
    const { differenceCount, differenceLines, planRepro } = await import("#harness/jobs/repro/index.ts");
    const { labFile, draft } = await planRepro(files, o.out, planOptions(o));
    for (const line of differenceLines(draft.differences)) say(line);
    say("");
    const count = differenceCount(draft.differences);
    say(`${count} ${count === 1 ? "difference" : "differences"}; written: ${labFile}`);
    if (o.json) await session.json({ labFile, differences: draft.differences });
    if (o.plan) return say(`next: ${meshCommand("up", "--lab-file", labFile)}`);
    await sayUp(await bringUp({ ...o, keep: false, labFile }, session), say);
  },
});
