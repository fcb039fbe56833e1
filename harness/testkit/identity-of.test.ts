import { expect, test, vi } from "vitest";
import type { Mesh } from "#harness/cluster/mesh.ts";
import type { Application } from "#harness/model/application.ts";
import { exampleLabState, examplePlan, exampleSettingRecord } from "#harness/model/examples.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { differingSettings } from "#harness/model/setting.ts";
import type { Tuning } from "#harness/model/tuning.ts";
import { identityOf } from "./identity-of.ts";

const reached = vi.hoisted(() => ({ realTime: true, hubble: false }));
vi.mock("#harness/platform/priority.ts", () => ({ reachesRealTime: async () => reached.realTime }));
vi.mock("#harness/platform/source.ts", () => ({ sourceOf: async () => ({ hash: "abc", tree: "clean" }) }));
vi.mock("#harness/platform/helm.ts", () => ({
  releaseValues: async () => ({ hubble: { enabled: reached.hubble }, tls: { ca: { key: "SECRET" } } }),
}));

/** A fake mesh with all that a setting is read from. */
function meshOf(tuning: Tuning = "tuned", change: Partial<LabState> = {}): Mesh {
  const state = exampleLabState({ plan: examplePlan({ tuning }), ...change });
  const clusters = state.plan.clusters.map(({ name }) => ({
    ...{ kind: "kind", name, kubeconfig: "k", ciliumVersion: "1.20.2", kubernetesVersion: "1.36.4" },
    capabilities: { nodesAreLocal: true },
    nodes: async () => [{ role: "control-plane" }, { role: "worker" }],
  }));
  return { clusters, state } as unknown as Mesh;
}

const { workload } = exampleSettingRecord();
const echo = { settingOf: (application: Application) => ({ ...workload, application }) };
const { signal } = new AbortController();
const identityIn = (mesh: Mesh, application: Application = "exits") =>
  identityOf({ mesh, echo, application, probeIntervalFactor: 1, signal });

test("a measurement has its lab's tuning, application, calibration and hashes", async () => {
  const calibration = { medianMs: 310, runs: [{ cpuMs: 200, requestsMs: 110 }] };
  const identity = await identityIn(meshOf("tuned", { runId: "20261127-a", calibration }), "drains");
  expect(identity).toMatchObject({
    setting: { cilium: "1.20.2", kubernetes: "1.36.4", imageSource: "source" },
    settingRecord: { realTime: { probers: true, backends: true }, clusters: { east: { workers: 1 } } },
    ...{ sourceHash: "abc", sourceTree: "clean", tuned: true, application: "drains", calibrationMs: 310 },
    lab: "paper 20261127-a",
  });
  expect(JSON.stringify(identity)).not.toContain("SECRET");
});

test("two labs of one lab file have one setting, and are two labs", async () => {
  const [a, b] = [await identityIn(meshOf()), await identityIn(meshOf("tuned", { runId: "later" }))];
  expect(a.settingHash).toBe(b.settingHash);
  expect(a.lab).not.toBe(b.lab);
  expect(a).not.toHaveProperty("calibrationMs");
});

test("the backends of an untuned lab are not in real time; the probers are", async () => {
  const identity = await identityIn(meshOf("untuned"));
  expect(identity.tuned).toBe(false);
  expect(identity.settingRecord.realTime).toEqual({ probers: true, backends: false });
  expect(identity.settingRecord.clusters.east?.kubeadm).not.toHaveProperty("etcd.unsafe-no-fsync");
});

test("what was reached replaces what was expected; values are read from the release", async () => {
  const expected = await identityIn(meshOf());
  const mesh = meshOf();
  reached.hubble = true;
  const realTime = { probers: true, backends: false };
  const identity = await identityOf({
    ...{ mesh, echo, application: "exits", probeIntervalFactor: 1, realTime, signal },
  });
  expect(identity.settingHash).not.toBe(expected.settingHash);
  expect(differingSettings(expected.settingRecord, identity.settingRecord).map((d) => d.key)).toEqual([
    "clusters.east.values.hubble.enabled",
    "clusters.west.values.hubble.enabled",
    "realTime.backends",
  ]);
});
