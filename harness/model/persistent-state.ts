import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

const byName = z.record(z.string(), z.string());

const persistentStateSchema = z.strictObject({
  /** Pod to its security identity. */
  identities: byName,
  /** Pod to its endpoint's id on its node. */
  endpoints: byName,
  /** Service in an agent's BPF map to its backends. */
  backends: byName,
  /** CiliumNetworkPolicy to its `Valid` condition. */
  policies: byName,
});
/** State of one cluster that must survive an upgrade; every map is keyed by object name. */
export type PersistentState = Infer<typeof persistentStateSchema>;
