import { given } from "#harness/lib/given.ts";
import { beginReport } from "./begin-report.ts";
import { defineCommand } from "./command.ts";
import { givenWords } from "./given-words.ts";
import { imageOptions, planOptions, testingOf } from "./lab-options.ts";
import { flag, json, labToBuild, setup, testing, text, timeout } from "./options.ts";

export const run = defineCommand({
  name: "run",
  help: "the main job: check the machine, fetch images, create the lab, test, report, remove the lab",
  arguments: [
    {
      name: "[suites...]",
      help: "suites of `list suites` (default: the core suites and those that the lab file names)",
      words: "suites",
    },
  ],
  options: {
    ...labToBuild,
    ...setup,
    keep: flag("--keep", "keep the lab at the end"),
    withFault: text("--with-fault <fault>", "inject a fault after each suite's set-up", "faults"),
    summary: text("--summary <file>", "also write a Markdown summary", "files"),
    ...testing,
    timeout,
    ...json,
  },
  async run({ words: suites, options: o, given: isGiven, session }) {
    const report = await beginReport(session, o);
    const { planLab } = await import("#harness/config/plan.ts");
    const plan = await planLab(planOptions(o));
    report.about(plan);
    const { run } = await import("#harness/jobs/run.ts");
    const { mustBuild } = await import("#harness/lab/preflight.ts");
    const images = await imageOptions(o);
    await session.withProgress(async (progress) =>
      run({
        plan,
        report,
        suites,
        setup: o.setup,
        keep: o.keep,
        labWords: givenWords(labToBuild, o, isGiven),
        images,
        mustBuild: await mustBuild(plan, images),
        command: session.command,
        progress,
        say: session.say,
        signal: session.signal,
        ...testingOf(o),
        ...given({ fault: o.withFault, summary: o.summary }),
      }),
    );
  },
});
