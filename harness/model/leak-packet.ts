import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

export const leakPacketSchema = z.object({ atUnixMs: z.number(), from: z.string(), to: z.string() });
/**
 * A packet of a denied flow that a capture saw where policy should keep it from: one line of `leaks.ndjson`. `from`:
 * `east/denied`, with the source address if that is not the client's own; `to`: `west/server (tcp)`.
 */
export type LeakPacket = Infer<typeof leakPacketSchema>;
