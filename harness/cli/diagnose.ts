import type { Finding } from "#harness/model/finding.ts";
import { defineCommand } from "./command.ts";
import { json, lab } from "./options.ts";

export const diagnose = defineCommand({
  name: "diagnose",
  help: "say what is wrong, where, and the next step: of a lab, or of the evidence that a run left",
  arguments: [
    {
      name: "[files...]",
      help: "zips of cilium sysdump, one for each cluster, or folders such as reports/latest/artifacts/<suite>; without one, the lab itself",
      words: "files",
    },
  ],
  options: { ...lab, ...json },
  async run({ words: files, options, session }) {
    const { diagnoseFiles, diagnoseLab } = await import("#harness/jobs/diagnose.ts");
    const findings = await (files.length === 0 ? diagnoseLab(options.lab) : diagnoseFiles(files));
    if (options.json) await session.json({ findings });
    else for (const line of describeFindings(findings)) session.say(line);
    process.exitCode = isWrong(findings) ? 1 : hasUnread(findings) ? 3 : 0;
  },
});

/** As a person reads it: the first line is the deepest cause. */
function describeFindings(findings: readonly Finding[]): string[] {
  const lines = findings.flatMap((f, i) => [
    `${i + 1}. [${f.layer}${f.severity === "broken" ? "" : `, ${f.severity}`}] ${f.subject}`,
    `   ${f.message}`,
    `   next: ${f.next}`,
  ]);
  if (isWrong(findings)) return lines;
  return [
    hasUnread(findings) ? "no problem found in what could be read; not all could" : "no known problem found",
    ...(lines.length === 0 ? [] : ["perhaps intended, or not read:"]),
    ...lines,
  ];
}

/** Nothing is called healthy that was not looked at. */
const hasUnread = (findings: readonly Finding[]): boolean => findings.some((f) => f.severity === "unread");

/** What is merely suspect is allowed, and may be intended. */
const isWrong = (findings: readonly Finding[]): boolean => findings.some((f) => f.severity === "broken");
