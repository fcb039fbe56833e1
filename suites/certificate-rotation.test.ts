// Goal: renewing every certificate of the mesh costs no request.
// Method: a Helm upgrade of each cluster signs anew under the same CA, while clients of every cluster ask a service that
// the other one serves; ends once each clustermesh-apiserver serves its new certificate.
import { certificatesRotated } from "#harness/fault/rotation.ts";
import { budgets } from "#harness/fixtures.ts";
import { scenarioTests, setUpScenarios } from "#harness/scenarios.ts";

const suite = setUpScenarios("certificate-rotation", ["remote"]);

scenarioTests(suite, {
  name: "certificate rotation",
  affinity: "remote",
  directions: "alternating",
  horizonMs: budgets.settleMs,
  strike: async () => certificatesRotated(),
  expected: () => ({ awayWithinMs: 0, backWithinMs: 0, othersWithinMs: 0 }),
});
