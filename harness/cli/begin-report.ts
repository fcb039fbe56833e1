import { checkWritable } from "#harness/config/user-file.ts";
import type { RunReport } from "#harness/jobs/run-report.ts";
import type { Shard } from "#harness/testkit/shard.ts";
import type { Timeout } from "./options.ts";
import type { Session } from "./session.ts";

interface Reported {
  readonly lab: string;
  readonly profile?: string | undefined;
  readonly timeout?: Timeout | undefined;
  readonly summary?: string | undefined;
  readonly shard?: Shard | undefined;
}

/** The report of `run` and `test`, once their arguments are parsed. */
export async function beginReport(
  session: Session,
  { lab, profile, timeout, summary, shard }: Reported,
): Promise<RunReport> {
  const { report } = session;
  if (report === undefined) throw new Error("this command has no report");
  if (timeout !== undefined) session.arm(timeout);
  report.about({ lab, profile: profile ?? "unknown" });
  report.partOf(shard);
  await report.begin();
  if (summary !== undefined) {
    checkWritable(summary, "--summary");
    report.summaryTo(summary);
  }
  return report;
}
