import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

export const leakPacketSchema = z.object({ atUnixMs: z.number(), from: z.string(), to: z.string() });
/** A packet of a denied client that a capture saw at a protected server: one line of `leaks.ndjson`. */
export type LeakPacket = Infer<typeof leakPacketSchema>;
