import { MeshproofError } from "#harness/lib/errors.ts";
import { given } from "#harness/lib/given.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { beginReport } from "./begin-report.ts";
import { defineCommand, type Input } from "./command.ts";
import { givenWords } from "./given-words.ts";
import { imageOptions, testingOf } from "./lab-options.ts";
import { flag, images, json, lab, several, testing, text, timeout } from "./options.ts";

/** What `--context` names, and what only such clusters need. */
const clusters = {
  context: several("--context <name>", "an external meshed cluster instead of a lab; at least twice"),
  kubeconfig: text(
    "--kubeconfig <file>",
    "kubeconfig of those contexts (default: $KUBECONFIG, else ~/.kube/config)",
    "files",
  ),
  ...images,
  proberImage: text("--prober-image <ref>", "prober image that the external clusters' nodes can pull"),
  agnhostImage: text("--agnhost-image <ref>", "backend image that the external clusters' nodes can pull"),
};

const options = {
  ...lab,
  withFault: text("--with-fault <fault>", "inject a fault after each suite's set-up", "faults"),
  bugtool: flag(
    "--bugtool",
    "after a failure, also collect cilium-bugtool's files: 30 s of one core per agent",
  ),
  summary: text("--summary <file>", "also write a Markdown summary", "files"),
  ...testing,
  series: text(
    "--series <file>",
    "add measurements to this file and measure only what is missing, so that an interrupted run can resume",
    "files",
  ),
  baseline: text("--baseline <file>", "compare outages with this series of earlier measurements", "files"),
  ...clusters,
  timeout,
  writeContext: text(
    "--write-context <file>",
    "write the context that vitest needs to run suites by hand on the lab, and print the command; runs no suite",
    "files",
  ),
  ...json,
};

export const test = defineCommand({
  name: "test",
  help: "run suites against the running lab, or against external meshed clusters (--context)",
  arguments: [
    {
      name: "[suites...]",
      help: "suites of `list suites` (default: the core suites and those that the lab file names)",
      words: "suites",
    },
  ],
  options,
  run: runTest,
});

async function runTest({
  words: suites,
  options: o,
  given: isGiven,
  session,
}: Input<typeof options>): Promise<void> {
  if (o.writeContext !== undefined)
    return await writeContextTo(o.writeContext, { words: suites, options: o, session });
  if (o.context !== undefined && isGiven.has("lab"))
    throw new MeshproofError("usage", "--context names external clusters, --lab a lab", {
      remedy: "leave one of them out",
    });
  const report = await beginReport(session, o);
  const requested = {
    suites,
    runId: report.runId,
    report,
    command: session.command,
    say: session.say,
    signal: session.signal,
    bugtool: o.bugtool,
    ...testingOf(o),
    ...given({ series: o.series, baseline: o.baseline, fault: o.withFault, summary: o.summary }),
  };
  const { context: contexts, kubeconfig, proberImage, agnhostImage } = o;
  if (contexts === undefined) {
    const { testLab } = await import("#harness/jobs/test.ts");
    await testLab({ lab: o.lab, ...requested });
    return;
  }
  const { testExternal } = await import("#harness/jobs/test-external.ts");
  const clusterWords = givenWords(clusters, o, isGiven);
  const external = {
    contexts,
    clusterWords,
    images: await imageOptions({ ...o, registryMirror: undefined }),
  };
  await session.withProgress((progress) =>
    testExternal({
      ...requested,
      ...external,
      progress,
      ...given({ kubeconfig, proberImage, agnhostImage }),
    }),
  );
}

/** `--write-context`: nothing is run, so nothing is reported. */
async function writeContextTo(
  file: string,
  { words: suites, options: o, session }: Pick<Input<typeof options>, "words" | "options" | "session">,
): Promise<void> {
  const { selection, rerunFailed, suitesDir, mcsConformance, ...testing } = testingOf(o);
  if (o.context !== undefined)
    throw new MeshproofError("usage", "--write-context needs a lab: --context names external clusters");
  if (
    suites.length > 0 ||
    rerunFailed !== undefined ||
    suitesDir !== undefined ||
    mcsConformance !== undefined ||
    Object.keys(selection).length > 0
  )
    throw new MeshproofError(
      "usage",
      "--write-context does not select tests: select them in vitest by file and --testNamePattern",
      {
        remedy: "leave out suites and the options that select tests",
      },
    );
  const { writeContext } = await import("#harness/jobs/test-context.ts");
  const { newRunId } = await import("#harness/testkit/run-id.ts");
  await writeContext(file, o.lab, {
    ...testing,
    runId: newRunId(),
    bugtool: o.bugtool,
    ...given({ series: o.series, baseline: o.baseline, fault: o.withFault }),
  });
  const command = `${shellQuote([`MESHPROOF_RUN=${file}`])} npx vitest run --project suites suites/NAME`;
  if (o.json) return session.json({ context: file, command });
  session.say(command);
}
