import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { meshSnapshotSchema } from "./mesh-snapshot.ts";

const faultFixtureSchema = z.strictObject({
  fault: z.string(),
  /** The first finding must hold at least one of these. */
  names: z.array(z.string()),
  snapshot: meshSnapshotSchema,
});
/** A mesh that was broken for real: what was seen of it under a fault, and what the fault had harmed. */
export type FaultFixture = Infer<typeof faultFixtureSchema>;

export const faultFixtureFormat: RecordFormat<FaultFixture> = { schema: faultFixtureSchema };
