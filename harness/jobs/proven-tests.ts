import type { SuiteRecord } from "#harness/model/record.ts";
import { withoutCount } from "#harness/testkit/selection.ts";

/** `suite > test` of all that a kill matrix is about: each test once, however often it was repeated. */
export const provenTests = (suites: readonly Pick<SuiteRecord, "name" | "tests">[]): string[] => [
  ...new Set(
    suites.flatMap((s) =>
      // An accepted failure is neither killed nor survives.
      s.tests
        .filter((t) => t.outcome !== "unsupported" && t.accepted === undefined)
        .map((t) => `${s.name} > ${withoutCount(t.name)}`),
    ),
  ),
];
