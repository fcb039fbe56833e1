import { expect, test } from "vitest";
import { type Application, applications } from "#harness/model/application.ts";
import { type EchoVariant, echoDeployment, servesOnMs } from "./echo.ts";
import { workloadSettingOf } from "./workload-setting.ts";

const deploymentOf = (application?: Application) =>
  echoDeployment({
    namespace: "n",
    name: "echo-east",
    image: "agnhost",
    replicas: 2,
    labels: {},
    variant: { heartbeatImage: "prober", ...(application === undefined ? {} : { application }) },
  });

function endOf(application: Application) {
  const pod = deploymentOf(application).spec.template.spec;
  const [echo, heartbeat] = pod.containers;
  return {
    grace: pod.terminationGracePeriodSeconds,
    readiness: echo.readinessProbe.httpGet.path,
    delay: echo.args.find((a: string) => a.startsWith("--delay-shutdown")),
    preStop: [echo.lifecycle?.preStop, heartbeat.lifecycle?.preStop],
    heartbeat: JSON.parse(heartbeat.args[1]).serveOnMs,
  };
}

test("one that exits ends on SIGTERM, and is the default", () => {
  const nothing = [undefined, undefined];
  expect(endOf("exits")).toEqual({
    ...{ grace: 2, readiness: "/healthz", delay: undefined, preStop: nothing, heartbeat: 0 },
  });
  expect(deploymentOf()).toEqual(deploymentOf("exits"));
});

test("one that drains waits in its preStop hook, is then unready, and serves on", () => {
  const hook = { sleep: { seconds: 5 } };
  expect(endOf("drains")).toEqual({
    ...{ grace: 12, readiness: "/readyz", delay: "--delay-shutdown=5", preStop: [hook, hook] },
    heartbeat: 5000,
  });
});

test("one that is killed ignores SIGTERM in every container", () => {
  expect(endOf("killed")).toEqual({
    ...{ grace: 5, readiness: "/healthz", delay: "--delay-shutdown=86400", heartbeat: null },
    preStop: [undefined, undefined],
  });
});

test.each(applications)("%s: no pod is killed before its application ends", (application) => {
  const { grace } = endOf(application);
  expect(servesOnMs(application)).toBeLessThanOrEqual(grace * 1000);
  if (application !== "killed") expect(servesOnMs(application)).toBeLessThan(grace * 1000);
});

test("the setting is read from the deployment; no two applications share one", () => {
  expect(workloadSettingOf(deploymentOf("drains"), "drains")).toEqual({
    application: "drains",
    replicas: 2,
    strategy: "Recreate",
    graceSeconds: 12,
    drainSeconds: 5,
    containers: {
      echo: { readinessPeriodSeconds: 1, readinessFailures: 1, preStop: "sleep" },
      heartbeat: { readinessPeriodSeconds: null, readinessFailures: null, preStop: "sleep" },
    },
  });
  const ends = applications.map((a) => workloadSettingOf(deploymentOf(a), a).graceSeconds);
  expect(new Set(ends).size).toBe(applications.length);
});

test("a backend leaves at its first failed probe, a patient one at the third", () => {
  const failures = (variant: EchoVariant) =>
    workloadSettingOf(
      echoDeployment({
        ...{ namespace: "n", name: "echo-east", image: "agnhost", replicas: 2, labels: {}, variant },
      }),
      "exits",
    ).containers.echo?.readinessFailures;
  expect(failures({})).toBe(1);
  expect(failures({ patient: true, heartbeatImage: "prober" })).toBe(3);
});
