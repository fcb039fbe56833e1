import { oneLine } from "#harness/lib/visible.ts";
import type { Finding } from "#harness/model/finding.ts";
import { defineCommand } from "./command.ts";
import { json, lab, whatIf } from "./options.ts";
import { describeWhatIf, whatIfExitCode } from "./what-if-lines.ts";

export const diagnose = defineCommand({
  name: "diagnose",
  help: "report what is wrong, where, and the next step, for a lab or for the evidence of a run",
  arguments: [
    {
      name: "[files...]",
      help: "archives of cilium sysdump or cilium-bugtool (zip, tar, tar.gz or unpacked), or folders such as reports/latest/artifacts/<suite>; with --what-if also manifests of policies, [NAME=]FILE or folder; default: the lab itself",
      words: "files",
    },
  ],
  options: { ...lab, ...json, whatIf },
  async run({ words: files, options, session }) {
    const { askWhatIf, diagnoseFiles, diagnoseLab } = await import("#harness/jobs/diagnose.ts");
    if (options.whatIf !== undefined) {
      const report = await askWhatIf(options.whatIf, { lab: options.lab, paths: files });
      if (options.json) await session.json({ whatIf: report });
      else for (const line of describeWhatIf(report)) session.say(line);
      process.exitCode = whatIfExitCode(report);
      return;
    }
    const findings = await (files.length === 0 ? diagnoseLab(options.lab) : diagnoseFiles(files));
    if (options.json) await session.json({ findings });
    else for (const line of describeFindings(findings)) session.say(line);
    process.exitCode = diagnosisExitCode(findings);
  },
});

export const diagnosisExitCode = (findings: readonly Finding[]): number =>
  isWrong(findings) ? 1 : hasUnread(findings) ? 3 : 0;

/** For people: the root cause first. */
export function describeFindings(findings: readonly Finding[]): string[] {
  const lines = findings.flatMap((f, i) => [
    `${i + 1}. [${f.layer}${f.severity === "broken" ? "" : `, ${f.severity}`}] ${oneLine(f.subject)}`,
    `   ${oneLine(f.message)}`,
    `   next: ${oneLine(f.next)}`,
    ...(f.id === undefined ? [] : [`   see:  docs/reference/findings/${f.id}.md`]),
  ]);
  if (isWrong(findings)) return lines;
  return [
    hasUnread(findings)
      ? "no problem found in the data that could be read; some could not"
      : "no known problem found",
    ...(lines.length === 0 ? [] : ["possibly intended, or not read:"]),
    ...lines,
  ];
}

/** Data that could not be read is not reported as healthy. */
const hasUnread = (findings: readonly Finding[]): boolean => findings.some((f) => f.severity === "unread");

/** A suspect configuration is valid and may be intended, so it is not an error. */
const isWrong = (findings: readonly Finding[]): boolean => findings.some((f) => f.severity === "broken");
