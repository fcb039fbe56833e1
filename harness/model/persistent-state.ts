import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

const byName = z.record(z.string(), z.string());

export const persistentStateSchema = z.strictObject({
  /** Pod to its security identity. */
  identities: byName,
  /** Security identity to the others with the same labels: agents that meet new labels at once allocate one each. */
  twins: z.record(z.string(), z.array(z.string())),
  /** Pod to its endpoint's id on its node. */
  endpoints: byName,
  /** Service in an agent's BPF map to its backends. */
  backends: byName,
  /** CiliumNetworkPolicy to its `Valid` condition. */
  policies: byName,
});
/** State of one cluster that must survive an upgrade; every map is keyed by object name. */
export type PersistentState = Infer<typeof persistentStateSchema>;
