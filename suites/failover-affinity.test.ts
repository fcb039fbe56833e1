// Goal: a service survives losing every backend of one cluster, whichever side its clients prefer.
// Method: as in failover, with affinity remote, where the change must travel through the kvstore to the client's
// cluster, and with none, where half of the traffic has to move.
import { scaleToZero, scenarioTests, setUpScenarios } from "#harness/testkit/scenarios.ts";

const suite = setUpScenarios("failover-affinity", ["remote", "none"]);

for (const affinity of ["remote", "none"] as const) scenarioTests(suite, scaleToZero(affinity));
