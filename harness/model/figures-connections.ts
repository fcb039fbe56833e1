import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";
import { median } from "#harness/lib/stats.ts";
import { type ConnectionFigures, connectionFiguresSchema, type Measurement } from "./measurement.ts";

export const connectionsSchema = z.array(
  z.strictObject({
    kind: connectionFiguresSchema.shape.kind,
    survived: z.number(),
    reset: z.number(),
    stalled: z.number(),
    longestGapMedianMs: z.number(),
  }),
);
/** What became of connections that were open at injection, by kind. */
export type Connections = Infer<typeof connectionsSchema>;

export function connectionsOf(measurements: readonly Measurement[]): Connections {
  const groups = Map.groupBy(
    measurements.flatMap((m) => m.connections),
    (c) => c.kind,
  );
  return [...groups].map(([kind, all]) => {
    const count = (fate: ConnectionFigures["fate"]): number => all.filter((c) => c.fate === fate).length;
    return {
      kind,
      survived: count("survived"),
      reset: count("reset"),
      stalled: count("stalled"),
      longestGapMedianMs: median(all.map((c) => c.longestGapMs)),
    };
  });
}
