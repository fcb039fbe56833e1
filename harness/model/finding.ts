import { z } from "zod";
import { holdsName } from "#harness/lib/names.ts";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";

export const findingSchema = z.object({
  /** Stable; docs/reference/findings has a page for each. Absent in records of earlier versions. */
  id: z.string().exactOptional(),
  layer: z.string(),
  /** `broken`: breaks traffic or synchronisation; `suspect`: allowed, but rarely intended; `unread`: could not be read. */
  severity: z.enum(["broken", "suspect", "unread"]),
  cluster: z.string(),
  /** The affected node, pod, object or pair. */
  subject: z.string(),
  message: z.string(),
  /** The next step to fix it. */
  next: z.string(),
});
/** A problem of a mesh, described for a person. */
export type Finding = Infer<typeof findingSchema>;

/** The findings of `diagnose`, the deepest cause first. */
export const findingsFormat: RecordFormat<readonly Finding[]> = { schema: z.array(findingSchema) };

/** Whether a finding names one of a fault's targets. */
export function namesOneOf(finding: Finding | undefined, names: readonly string[]): boolean {
  return finding !== undefined && names.some((n) => holdsName(`${finding.subject} ${finding.message}`, n));
}
