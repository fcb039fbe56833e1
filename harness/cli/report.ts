import { MeshproofError } from "#harness/lib/errors.ts";
import { defineCommand } from "./command.ts";
import { flag, json } from "./options.ts";
import type { Session } from "./session.ts";

const merge = defineCommand<typeof json>({
  name: "merge",
  help: "merge the run folders of several shards into one JUnit, JSON and HTML report",
  arguments: [{ name: "<dirs...>", help: "run folders, each with a report.json", words: "files" }],
  async run({ words: dirs, options, given, session }) {
    // Options of `report`, which its subcommand takes too.
    if (given.has("csv"))
      throw new MeshproofError("usage", "--csv is for one run: report merge writes no CSV", {
        remedy: "merge first, then `npm run mesh -- report latest --csv`",
      });
    if (given.has("rejudge"))
      throw new MeshproofError("usage", "--rejudge is for one run: report merge judges nothing", {
        remedy: "merge first, then `npm run mesh -- report latest --rejudge`",
      });
    const { mergeReports } = await import("#harness/jobs/merge-reports.ts");
    const { closingLines } = await import("#harness/jobs/closing-lines.ts");
    const { record, dir } = await mergeReports(dirs, session.command, session.say);
    process.exitCode = record.exitCode;
    if (options.json) return session.json({ ...record, dir });
    for (const line of closingLines(record, dir)) session.say(line);
  },
});

async function rejudgeRun(
  runId: string,
  options: { readonly csv: boolean; readonly json: boolean },
  session: Session,
): Promise<void> {
  if (options.csv)
    throw new MeshproofError("usage", "--rejudge writes no CSV", {
      remedy: "leave out one of --rejudge and --csv",
    });
  const { rejudge, rejudgedExitCode, rejudgedLines } = await import("#harness/jobs/rejudge.ts");
  const result = await rejudge(runId);
  process.exitCode = rejudgedExitCode(result);
  if (options.json) return session.json(result);
  for (const line of rejudgedLines(result)) session.say(line);
}

export const report = defineCommand({
  name: "report",
  help: "render a finished run again",
  arguments: [{ name: "<run>", help: "a run id, latest, or the folder of a run" }],
  options: {
    csv: flag("--csv", "also write every history as CSV next to it"),
    rejudge: flag(
      "--rejudge",
      "list the verdicts and figures that the present method changes; writes nothing",
    ),
    ...json,
  },
  commands: [merge],
  async run({ words: [runId = ""], options, session }) {
    if (options.rejudge) return await rejudgeRun(runId, options, session);
    const { exportCsv, renderAgain } = await import("#harness/jobs/write-report.ts");
    const page = await renderAgain(runId);
    const csv = options.csv ? await exportCsv(runId) : [];
    if (options.json) return session.json({ page, csv });
    for (const file of [page, ...csv]) session.say(file);
  },
});
