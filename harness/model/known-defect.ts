import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

const value = z.string().nullable();

/** A defect of Cilium that tests show: `suites/known-defects.yaml`. */
export const knownDefectSchema = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.-]*$/, "letters, digits, '.' and '-'"),
  what: z.string().describe("One sentence: what goes wrong."),
  affected: z.array(z.string()).min(1).describe("Ranges of Cilium's versions, one for each minor (semver)."),
  fixedIn: z.array(z.string()).describe("The first fixed version of each minor; empty while none is fixed."),
  when: z
    .record(z.string(), z.union([value, z.array(value).min(1)]))
    .exactOptional()
    .describe(
      "Keys of the ConfigMap cilium-config, with the value that a cluster must have to be affected, or a list of them; null where the key is not set.",
    ),
  tests: z
    .array(
      z.strictObject({
        suite: z.string(),
        test: z
          .string()
          .describe(
            "Pattern of the test's title; * is any text, {cluster} the cluster whose version and settings count.",
          ),
      }),
    )
    .min(1)
    .describe("All tests that fail on an affected cluster: one that passes is an error of the list."),
  canary: z
    .literal(false)
    .exactOptional()
    .describe("In an affected cluster no canary answers, so a lab comes up without."),
  source: z
    .array(z.string())
    .min(1)
    .describe("Where the range is taken from: advisory, changelog, source line."),
});
export type KnownDefect = Infer<typeof knownDefectSchema>;

/** A defect of Cilium that no test shows: `suites/untested-defects.yaml`. Only `certify --check` reports it. */
export const untestedDefectSchema = knownDefectSchema.omit({ tests: true, canary: true }).extend({
  severity: z
    .enum(["low", "medium", "high", "critical"])
    .exactOptional()
    .describe("Of a security advisory, as it says itself."),
});
export type UntestedDefect = Infer<typeof untestedDefectSchema>;
