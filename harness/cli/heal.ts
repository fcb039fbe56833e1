import { defineCommand } from "./command.ts";
import { json, lab } from "./options.ts";

export const heal = defineCommand({
  name: "heal",
  help: "heal every injected fault, including those of killed commands",
  options: { ...lab, ...json },
  async run({ options, session }) {
    const { healByHand } = await import("#harness/jobs/inject.ts");
    const healed = await healByHand(options.lab);
    if (options.json) return session.json({ lab: options.lab, healed });
    session.say(healed.length === 0 ? "nothing to heal" : `healed ${healed.join(", ")}`);
  },
});
