import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

export const healthCellSchema = z.object({
  from: z.string(),
  to: z.string(),
  path: z.enum(["host ICMP", "host HTTP", "endpoint ICMP", "endpoint HTTP"]),
  state: z.enum(["ok", "failed", "unknown", "stale"]),
  detail: z.string(),
  /** Milliseconds; null if nothing was measured. */
  latencyMs: z.number().nullable(),
});
/** One cell of the health matrix: from an agent to one address of a node, by one protocol. */
export type HealthCell = Infer<typeof healthCellSchema>;
