import { z } from "zod";
import { holdsName } from "#harness/lib/names.ts";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";

export const findingSchema = z.object({
  layer: z.string(),
  /** `broken`: it harms traffic or knowledge; `suspect`: allowed, but seldom meant; `unread`: it could not be judged. */
  severity: z.enum(["broken", "suspect", "unread"]),
  cluster: z.string(),
  /** The node, pod, object or pair that it is about. */
  subject: z.string(),
  message: z.string(),
  /** The next step for whoever must mend it. */
  next: z.string(),
});
/** Something that is wrong with a mesh, as a person would say it. */
export type Finding = Infer<typeof findingSchema>;

/** What `diagnose` says of a mesh: the deepest cause first. */
export const findingsFormat: RecordFormat<readonly Finding[]> = { schema: z.array(findingSchema) };

/** Whether a finding names one of the things that a fault harmed. */
export function namesOneOf(finding: Finding | undefined, names: readonly string[]): boolean {
  return finding !== undefined && names.some((n) => holdsName(`${finding.subject} ${finding.message}`, n));
}
