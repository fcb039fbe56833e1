import { given } from "#harness/lib/given.ts";
import { defineCommand } from "./command.ts";
import { testingOf } from "./lab-options.ts";
import { flag, json, lab, several, testing, text } from "./options.ts";

export const prove = defineCommand({
  name: "prove",
  help: "inject every fault and check that the expected tests fail, and that all pass again afterwards",
  arguments: [{ name: "[suites...]", help: "only the fault tables of these suites", words: "suites" }],
  options: {
    ...lab,
    fault: several("--fault <fault>", "only this fault; repeatable", "faults"),
    full: flag("--full", "run every suite under every fault"),
    ...testing,
    repeat: { ...testing.repeat, help: "run every suite this often, under each fault and after" },
    rerunFailed: {
      ...testing.rerunFailed,
      help: "only the faults that survived, were unnamed or unknown, or were not injected in that run",
    },
    failFast: {
      ...testing.failFast,
      help: "stop at the first survivor, or the first test red after healing",
    },
    pauseOnFail: {
      ...testing.pauseOnFail,
      help: "after a suite with a survivor keep its namespace and the fault, print kubectl lines and wait for Enter",
    },
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
      ...testingOf(o),
      ...given({ resume: o.resume }),
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
