import { defineCommand } from "./command.ts";
import { flag, json } from "./options.ts";

export const report = defineCommand({
  name: "report",
  help: "render a finished run again",
  arguments: [{ name: "<run>", help: "a run id, or latest" }],
  options: { csv: flag("--csv", "also write every history as CSV beside it"), ...json },
  async run({ words: [runId = ""], options, session }) {
    const { exportCsv, renderAgain } = await import("#harness/jobs/write-report.ts");
    const page = await renderAgain(runId);
    const csv = options.csv ? await exportCsv(runId) : [];
    if (options.json) return session.json({ page, csv });
    for (const file of [page, ...csv]) session.say(file);
  },
});
