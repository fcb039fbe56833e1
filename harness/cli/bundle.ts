import { checkWritable } from "#harness/config/user-file.ts";
import { defineCommand } from "./command.ts";
import { json, lab, text } from "./options.ts";

export const bundle = defineCommand({
  name: "bundle",
  help: "pack a running lab and its active faults, without keys, for `repro FILE` on another machine",
  arguments: [{ name: "<file>", help: "the zip to write", words: "files" }],
  options: {
    ...lab,
    run: text("--run <run>", "also the report of a finished run: its id, or latest"),
    ...json,
  },
  async run({ words: [file = ""], options, session }) {
    checkWritable(file, "bundle FILE");
    const { bundle } = await import("#harness/jobs/repro/bundle.ts");
    const names = await bundle(options.lab, file, options.run);
    if (options.json) return session.json({ file, packed: names });
    session.say(`wrote ${names.join(", ")} to ${file}`);
  },
});
