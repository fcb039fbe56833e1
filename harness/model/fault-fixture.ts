import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { meshSnapshotSchema } from "./mesh-snapshot.ts";

const faultFixtureSchema = z.strictObject({
  fault: z.string(),
  /** The first finding must contain at least one of these. */
  names: z.array(z.string()),
  snapshot: meshSnapshotSchema,
});
/** A snapshot of a real mesh under a fault, and the names of the fault's targets. */
export type FaultFixture = Infer<typeof faultFixtureSchema>;

export const faultFixtureFormat: RecordFormat<FaultFixture> = { schema: faultFixtureSchema };
