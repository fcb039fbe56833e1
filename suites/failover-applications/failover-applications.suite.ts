import { rollingRestart, type Scenario, scaleToZero } from "#harness/measure/scenarios.ts";
import { type Application, applications } from "#harness/model/application.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { scenarioSetup, scenarioTests } from "#harness/testkit/scenario-tests.ts";

/** Clients in the same cluster leave a pod that drains before it ends, and those of the other cluster do not use it. */
const expectedOf =
  (application: Application): Scenario["expected"] =>
  ({ budgets }) =>
    application === "drains"
      ? { awayWithinMs: 0, othersWithinMs: 0, backWithinMs: 0 }
      : { awayWithinMs: budgets.failoverMs, othersWithinMs: 0, backWithinMs: budgets.failbackMs };

export default defineSuite(
  {
    name: "failover-applications",
    tags: ["failover", "long", "extended"],
    when: "long",
    order: 8,
    goal: "Measures which part of an outage is the application's: the same disturbance of backends that exit at once, that drain, and that are killed.",
    method:
      "Scales to zero and restarts one pod after another, with affinity local, for three applications: one exits on SIGTERM; one serves on during its preStop hook, then is unready and serves a while longer; one ignores SIGTERM until it is killed at the end of its grace period. The fault stays in force until the last old pod has ended.",
    failureMeans: "The time that a change of backends takes to reach every client, link by link.",
    echo: { replicas: 2, heartbeats: true, rolling: true },
    setup: scenarioSetup(["local"]),
  },
  (kit) => {
    // Application by application, because the backends are replaced for each.
    for (const application of applications) {
      scenarioTests(kit, scaleToZero("local", application));
      scenarioTests(kit, rollingRestart("local", application, expectedOf(application)));
    }
  },
);
