import { defineCommand } from "./command.ts";
import { lab } from "./options.ts";

export const heal = defineCommand({
  name: "heal",
  help: "heal every fault that was injected, also by a command that was killed",
  options: lab,
  async run({ options, session }) {
    const { healByHand } = await import("#harness/jobs/inject.ts");
    await healByHand(options.lab, session.say);
  },
});
