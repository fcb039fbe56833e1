import { given } from "#harness/lib/given.ts";
import { defineCommand } from "./command.ts";
import { json, lab, seconds, text } from "./options.ts";

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
    ...json,
  },
  async run({ words: [fault = ""], options: o, session }) {
    const { injectByHand } = await import("#harness/jobs/inject.ts");
    const { say, signal } = session;
    const until = o.for === undefined ? "until Ctrl-C or `heal`" : `healing in ${o.for}s`;
    const result = await injectByHand({
      lab: o.lab,
      fault,
      say,
      signal,
      onInjected: ({ fault: name, does, subject }) => say(`${name}: ${does} (${subject}); ${until}`),
      onInterrupted: () => say("interrupted: healing now"),
      ...given({ namespace: o.namespace, seconds: o.for }),
    });
    if (o.json) return session.json({ lab: o.lab, ...result });
    say("healed");
  },
});
