import { given } from "#harness/lib/given.ts";
import { defineCommand, type Input } from "./command.ts";
import { imageOptions } from "./lab-options.ts";
import { flag, images, json, limit, registryMirror, selection, setup, text, textOr } from "./options.ts";

const options = {
  lab: textOr("--lab <name>", "name of the labs that are created, one after the other", "measure"),
  part: text(
    "--part <name>",
    "measure a part of its own, in a folder of this name: with changed files, another plan, or on another machine",
  ),
  limit,
  dryRun: flag("--dry-run", "print the order of the runs and the time that they take; measure nothing"),
  suitesDir: selection.suitesDir,
  ...images,
  ...registryMirror,
  ...setup,
  ...json,
};

export const measure = defineCommand({
  name: "measure",
  help: "run a measurement campaign over fresh labs; the same command again resumes it",
  arguments: [
    { name: "<plan>", help: "the campaign's plan, such as reports/campaigns/NAME/plan.yaml", words: "files" },
  ],
  options,
  run: runMeasure,
});

async function runMeasure({ words: [file = ""], options: o, session }: Input<typeof options>): Promise<void> {
  const jobs = await import("#harness/jobs/measure/index.ts");
  const { part, suitesDir } = o;
  const prepared = await jobs.prepareCampaign({ file, lab: o.lab, ...given({ part, suitesDir }) });
  const { campaign, files } = prepared;
  if (o.dryRun) {
    if (o.json) return session.json({ schedule: campaign.schedule, ...jobs.summaryOf(campaign, files) });
    for (const line of jobs.scheduleLines(campaign, files)) session.say(line);
    return;
  }
  jobs.requireCleanSources(prepared);
  const { command, say, signal } = session;
  const images = await imageOptions(o);
  const summary = await session.withProgress((progress) =>
    jobs.measureCampaign({
      prepared,
      images,
      setup: o.setup,
      command,
      progress,
      say,
      signal,
      ...given({ limitMs: o.limit?.ms }),
    }),
  );
  process.exitCode = jobs.exitCodeOfCampaign(summary);
  if (o.json) return session.json(summary);
  for (const line of jobs.campaignLines(summary)) say(line);
}
