import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

/** From the least to the most; docs/guides/certify.md says what each asks of an operator. */
export const grades = ["information", "caution", "serious"] as const;
export type Grade = (typeof grades)[number];

export const certificateFindingSchema = z.object({
  /** Stable; docs/guides/certify.md has a row for each: `setting-changed`, `policy-changes-meaning`. */
  id: z.string(),
  grade: z.enum(grades),
  message: z.string(),
  remedy: z.string().exactOptional().describe("What to do before the upgrade."),
});
/** What an operator should know before an upgrade. */
export type CertificateFinding = Infer<typeof certificateFindingSchema>;

/** Whether a finding reaches a grade, as for `--fail-on`. */
export const reaches = (finding: CertificateFinding, grade: Grade): boolean =>
  grades.indexOf(finding.grade) >= grades.indexOf(grade);
