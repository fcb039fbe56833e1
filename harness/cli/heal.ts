import { defineCommand } from "./command.ts";
import { lab } from "./options.ts";

export const heal = defineCommand({
  name: "heal",
  help: "heal every injected fault, including those of killed commands",
  options: lab,
  async run({ options, session }) {
    const { healByHand } = await import("#harness/jobs/inject.ts");
    await healByHand(options.lab, session.say);
  },
});
