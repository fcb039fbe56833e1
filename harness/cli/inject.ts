import { given } from "#harness/lib/given.ts";
import { defineCommand } from "./command.ts";
import { lab, seconds, text } from "./options.ts";

export const inject = defineCommand({
  name: "inject",
  help: "inject a fault until Ctrl-C or for a given time, then heal it",
  arguments: [{ name: "<fault>", help: "a fault's name; `list faults` shows all", words: "faults" }],
  options: {
    ...lab,
    namespace: text(
      "--namespace <name>",
      "namespace of the target objects, for faults in a suite's own objects",
    ),
    for: seconds("--for <seconds>", "duration, such as 30s"),
  },
  async run({ words: [fault = ""], options, session: { say, signal } }) {
    const { injectByHand } = await import("#harness/jobs/inject.ts");
    const { lab, namespace } = options;
    await injectByHand({ lab, fault, say, signal, ...given({ namespace, seconds: options.for }) });
  },
});
