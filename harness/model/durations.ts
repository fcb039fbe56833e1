import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";

const millisecondsByName = z.record(z.string(), z.number().int().positive());

const durationsSchema = z.object({
  schema: z.literal(1),
  /** Median of whole suites, set-up and clean-up included, in milliseconds. */
  suites: millisecondsByName,
  /** Median of `prove` with one fault, in milliseconds. */
  faults: millisecondsByName,
});
/** What suites, and faults under `prove`, took in earlier runs: checked in, so that all machines of one version agree. */
export type Durations = Infer<typeof durationsSchema>;

export const durationsFormat: RecordFormat<Durations> = {
  schema: durationsSchema,
  version: { key: "schema", current: 1 },
};
