import { given } from "#harness/lib/given.ts";
import { defineCommand } from "./command.ts";
import { selectionOf } from "./lab-options.ts";
import { flag, json, lab, selection, several, text } from "./options.ts";

export const prove = defineCommand({
  name: "prove",
  help: "inject every fault and check that the expected tests fail, and that all pass again afterwards",
  arguments: [{ name: "[suites...]", help: "only the fault tables of these suites", words: "suites" }],
  options: {
    ...lab,
    fault: several("--fault <fault>", "only this fault; repeatable", "faults"),
    full: flag("--full", "run every suite under every fault"),
    ...selection,
    resume: text(
      "--resume <run>",
      "resume an interrupted run, or one with unknown cells: its id, or the path of its kill-matrix.json",
      "files",
    ),
    ...json,
  },
  async run({ words: suites, options: o, session }) {
    const { prove } = await import("#harness/jobs/prove.ts");
    const { newRunId } = await import("#harness/testkit/run-id.ts");
    const { closingLines } = await import("#harness/jobs/closing-lines.ts");
    const { record, dir } = await prove({
      lab: o.lab,
      suites,
      faults: o.fault ?? [],
      full: o.full,
      selection: selectionOf(o),
      ...given({ resume: o.resume, suitesDir: o.suitesDir }),
      runId: newRunId(),
      command: session.command,
      say: session.say,
      signal: session.signal,
    });
    process.exitCode = record.exitCode;
    if (o.json) return session.json({ ...record, dir });
    for (const line of closingLines(record, dir)) session.say(line);
  },
});
