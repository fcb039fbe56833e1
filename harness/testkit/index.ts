// `meshproof/testkit`: the API for suites of other projects. Its names are stable.
export { judgeShares, requestsForShares } from "#harness/judge/shares.ts";
export { MeshproofError } from "#harness/lib/errors.ts";
export { combine, failedBecause, passed, unknownBecause } from "#harness/model/verdict.ts";
export { annotation } from "#harness/semantics/annotations.ts";
export { sampleBackends, waitUntilServedBy } from "#harness/workloads/sampling.ts";
export { askFrom, vantagesOf } from "#harness/workloads/vantage.ts";
export { defineSuite } from "./define-suite.ts";
export { pairIn } from "./fixture-types.ts";
