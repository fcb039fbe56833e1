import { MeshproofError } from "#harness/lib/errors.ts";
import { defineCommand } from "./command.ts";
import { flag, json, lab, text } from "./options.ts";

export const down = defineCommand({
  name: "down",
  help: "remove a lab in any state",
  options: {
    ...lab,
    all: flag("--all", "every lab of this user and state folder, and leftovers of crashes"),
    owner: text(
      "--owner <owner>",
      "with --lab: the lab of another owner, as listed by `status --all-owners`; `unlabelled` for a lab of an earlier version",
    ),
    ...json,
  },
  async run({ options: { lab, all, owner, json }, given, session }) {
    if (owner !== undefined && (all || !given.has("lab")))
      throw new MeshproofError("usage", "--owner removes exactly one lab, so it needs --lab", {
        remedy: "add --lab NAME, without --all",
      });
    if (all && given.has("lab"))
      throw new MeshproofError("usage", "--all removes every lab, --lab one", {
        remedy: "leave one of them out",
      });
    const { downAll, downForeign, downLab } = await import("#harness/lab/down.ts");
    const removed = await session.withProgress((progress) => {
      const within = AbortSignal.timeout(600_000);
      if (all) return downAll(progress, within);
      return owner === undefined
        ? downLab(lab, progress, within)
        : downForeign({ lab, owner }, progress, within);
    });
    if (json) return session.json({ removed });
    session.say(removed.length === 0 ? "nothing to remove" : `removed ${removed.join(", ")}`);
  },
});
