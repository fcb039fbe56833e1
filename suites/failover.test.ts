// Goal: with affinity local, a service survives losing every backend of one cluster, and comes back.
// Method: open-loop probers at every vantage point, the main one with a new connection every 5 ms; scale one side to
// zero and back; judge the recorded histories against the budgets, and lay the chain of causes over the outage.
import { scaleToZero, scenarioTests, setUpScenarios } from "#harness/testkit/scenarios.ts";

const suite = setUpScenarios("failover", ["local"]);

scenarioTests(suite, scaleToZero("local"));
