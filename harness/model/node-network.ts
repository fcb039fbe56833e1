import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";
import { deviceSchema } from "./announcements.ts";

export const neighboursSchema = z.object({
  /** Entries that somebody set by hand: they never expire. */
  permanent: z.array(z.object({ ip: z.string(), mac: z.string(), device: z.string() })),
  /** The node's own addresses. */
  own: z.array(z.object({ ip: z.string(), mac: z.string() })),
  devices: z.array(deviceSchema).exactOptional(),
  /** In bytes, of the routes to pods of other nodes; absent where these have none, as with native routing. */
  routeMtu: z.number().exactOptional(),
});
/** What a node knows of its devices, its neighbours and its routes to pods. */
export type Neighbours = Infer<typeof neighboursSchema>;
