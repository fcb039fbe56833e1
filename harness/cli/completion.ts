import { MeshproofError } from "#harness/lib/errors.ts";
import { type CliCommand, defineCommand } from "./command.ts";
import { scriptOf, shells } from "./completion-script.ts";

/** Takes a function because `completion` is itself one of the commands. */
export const completionOf = (commands: () => readonly CliCommand[]): CliCommand =>
  defineCommand({
    name: "completion",
    help: "print a completion script for a shell: source it in the shell's start-up file",
    arguments: [{ name: "<shell>", help: shells.join(", "), words: shells }],
    async run({ words: [shell], session }) {
      const known = shells.find((s) => s === shell);
      if (known === undefined)
        throw new MeshproofError("usage", `there is no completion for ${shell}`, {
          remedy: `name one of ${shells.join(", ")}`,
        });
      const { loadSuites } = await import("#harness/testkit/suite-list.ts");
      const { faults } = await import("#harness/faults/index.ts");
      const { profileNames } = await import("#harness/model/profile.ts");
      const infos = (await loadSuites()).map((s) => s.info);
      const script = scriptOf(known, commands(), {
        suites: infos.map((i) => i.name),
        tags: [...new Set(infos.flatMap((i) => i.tags))].sort(),
        faults: faults.map((f) => f.name),
        profiles: profileNames,
      });
      session.say(script.trimEnd());
    },
  });
