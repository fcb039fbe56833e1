import { checkWritable } from "#harness/config/user-file.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { defineCommand } from "./command.ts";
import { imageOptions, planOptions } from "./lab-options.ts";
import { flag, json, labToBuild, type Parsed } from "./options.ts";

/** Subcommands accept the options of `images`: one without effect must not look as if it chose what is removed. */
function requireNoPlan(given: ReadonlySet<string>, command: string): void {
  const without = Object.entries(labToBuild).filter(([key]) => given.has(key));
  if (without.length === 0) return;
  const flags = without.map(([, { flags }]) => flags.split(" ")[0]).join(" and ");
  throw new MeshproofError(
    "usage",
    `\`images ${command}\` looks at every version and does not take ${flags}`,
    {
      remedy: "leave it out",
    },
  );
}

const dryRun = { dryRun: flag("--dry-run", "only say what would be removed") };
const options = { ...labToBuild, ...json };

async function planned(o: Parsed<typeof options>) {
  const { planLab } = await import("#harness/config/plan.ts");
  return { plan: await planLab(planOptions(o)), images: await imageOptions(o) };
}

export const images = defineCommand({
  name: "images",
  help: "fetch every image and tool of the chosen versions",
  options,
  commands: [
    defineCommand<typeof options>({
      name: "list",
      help: "what the cache and Docker hold, with sizes, what the pins name, and what uses it; --json",
      async run({ options, given, session }) {
        requireNoPlan(given, "list");
        const { cachedImages } = await import("#harness/lab/image-cache.ts");
        const { cachedLines } = await import("./image-lines.ts");
        const { entries, notes } = await cachedImages(session.signal);
        for (const note of notes) session.warn(note);
        if (options.json) return session.json({ entries, notes });
        for (const line of cachedLines(entries)) session.say(line);
      },
    }),
    defineCommand<typeof options & typeof dryRun>({
      name: "prune",
      help: "remove what the pins do not name and nothing uses; --json",
      options: dryRun as typeof options & typeof dryRun,
      async run({ options, given, session }) {
        requireNoPlan(given, "prune");
        const { pruneImages } = await import("#harness/lab/image-cache.ts");
        const { prunedLines } = await import("./image-lines.ts");
        const pruned = await pruneImages(options.dryRun, session.signal);
        for (const note of pruned.notes) session.warn(note);
        if (options.json) return session.json({ dryRun: options.dryRun, ...pruned });
        for (const line of prunedLines(pruned, options.dryRun)) session.say(line);
      },
    }),
    defineCommand<typeof options>({
      name: "save",
      help: "write them into one archive with a manifest of digests; options as for `images`",
      arguments: [{ name: "<file>", help: "the archive to write", words: "files" }],
      async run({ words: [file = ""], options, session }) {
        checkWritable(file, "images save FILE");
        const { saveArchive } = await import("#harness/lab/images.ts");
        const { plan, images } = await planned(options);
        await session.withProgress((p) =>
          saveArchive(plan, images, file, { progress: p, signal: session.signal }),
        );
        if (options.json) return session.json({ archive: file });
        session.say(`saved ${file}`);
      },
    }),
  ],
  async run({ options, session }) {
    const { fetchImages } = await import("#harness/lab/images.ts");
    const { plan, images } = await planned(options);
    const artifacts = await session.withProgress((p) => fetchImages(plan, images, p, session.signal));
    const { imageLines, imagesRecord } = await import("./image-lines.ts");
    if (options.json) return session.json(imagesRecord(artifacts));
    for (const line of imageLines(artifacts)) session.say(line);
  },
});
