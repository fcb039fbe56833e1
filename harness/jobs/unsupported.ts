import { join } from "node:path";
import { z } from "zod";
import { readYaml, validate } from "#harness/config/yaml-file.ts";
import { matches } from "#harness/lib/pattern.ts";
import type { TestRecord } from "#harness/model/record.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { withoutCount } from "#harness/testkit/selection.ts";

const allowanceSchema = z.array(
  z.strictObject({
    suite: z.string(),
    test: z.string(),
    cilium: z.string(),
    imageSource: z.string(),
    profile: z.string().default("*"),
    serviceType: z.string().default("*"),
    why: z.string(),
  }),
);

type Allowances = z.infer<typeof allowanceSchema>;

/** Properties of a lab on which capabilities may depend. */
interface Conditions {
  readonly ciliums: readonly string[];
  readonly imageSource: string;
  readonly profile: string;
  /** How clustermesh-apiserver is exposed. */
  readonly serviceType: string;
  /** Suites that the lab file names. */
  readonly suites: readonly string[];
}

/**
 * An `unsupported` that `suites/unsupported.yaml` does not allow becomes a failure. A suite that the lab file does not
 * name may always be unsupported.
 */
export function failUnexpectedSkip(
  test: TestRecord,
  allowances: Allowances,
  { ciliums, imageSource, profile, serviceType, suites: own }: Conditions,
): TestRecord {
  if (test.outcome !== "unsupported") return test;
  const allowed =
    !own.includes(test.suite) ||
    allowances.some(
      (a) =>
        a.suite === test.suite &&
        matches(a.test, withoutCount(test.name)) &&
        matches(a.imageSource, imageSource) &&
        matches(a.profile, profile) &&
        matches(a.serviceType, serviceType) &&
        // A mesh supports what all of its clusters support.
        ciliums.some((c) => matches(a.cilium, c)),
    );
  if (allowed) return test;
  return {
    ...test,
    outcome: "fail",
    reasons: [`unsupported, and suites/unsupported.yaml does not allow it: ${test.reasons.join("; ")}`],
  };
}

export async function readAllowances(): Promise<Allowances> {
  const file = join(repoRoot(), "suites/unsupported.yaml");
  return validate(
    allowanceSchema,
    await readYaml(file, "the list of allowed unsupported tests"),
    file,
    "see the other entries of the file",
  );
}
