import { given } from "#harness/lib/given.ts";
import { defineCommand } from "./command.ts";
import { lab, seconds, text } from "./options.ts";

export const inject = defineCommand({
  name: "inject",
  help: "break the mesh on purpose, for a while or until Ctrl-C; healed either way",
  arguments: [{ name: "<fault>", help: "a fault's name; `list faults` shows all", words: "faults" }],
  options: {
    ...lab,
    namespace: text("--namespace <name>", "whose objects to work on, for faults of a suite's own objects"),
    for: seconds("--for <seconds>", "how long, such as 30s"),
  },
  async run({ words: [fault = ""], options, session: { say, signal } }) {
    const { injectByHand } = await import("#harness/jobs/inject.ts");
    const { lab, namespace } = options;
    await injectByHand({ lab, fault, say, signal, ...given({ namespace, seconds: options.for }) });
  },
});
