import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { certifications } from "./certificate.ts";

const entrySchema = z.object({
  from: z.string(),
  to: z.string(),
  date: z.string(),
  runId: z.string(),
  verdict: z.enum(certifications),
  lost: z.number().int(),
  longestGapMs: z.number(),
  reasons: z.array(z.string()),
});
/** One certification of a matrix, as stored in its history. */
export type HistoryEntry = Infer<typeof entrySchema>;

export const upgradeHistoryFormat: RecordFormat<readonly HistoryEntry[]> = { schema: z.array(entrySchema) };
