import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

const byName = z.record(z.string(), z.string());

const persistentStateSchema = z.strictObject({
  /** Pod to its security identity. */
  identities: byName,
  /** Pod to its endpoint's id on its node. */
  endpoints: byName,
  /** Service, as an agent has it in its BPF map, to its backends. */
  backends: byName,
  /** CiliumNetworkPolicy to its `Valid` condition. */
  policies: byName,
});
/** What must outlive an upgrade, of one cluster; every map by the object's own name. */
export type PersistentState = Infer<typeof persistentStateSchema>;
