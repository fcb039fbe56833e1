import { expect, test } from "vitest";
import { exampleSettingRecord } from "./examples.ts";
import { describeDifferences, differingSettings, settingHashOf, settingRecordSchema } from "./setting.ts";

const setting = exampleSettingRecord();

test("equal settings have one hash, also after they were written and read", () => {
  const read = settingRecordSchema.parse(JSON.parse(JSON.stringify(setting)));
  expect(settingHashOf(read)).toBe(settingHashOf(exampleSettingRecord()));
  expect(differingSettings(read, setting)).toEqual([]);
});

const east = (change: object) => ({
  ...setting,
  clusters: { ...setting.clusters, east: { ...setting.clusters.east, ...change } },
});

test.each([
  ["a Helm value", east({ values: { "hubble.enabled": true } }), ["clusters.east.values.hubble.enabled"]],
  [
    "a flag of the control plane",
    east({ kubeadm: {} }),
    ["clusters.east.kubeadm", "clusters.east.kubeadm.etcd.unsafe-no-fsync"],
  ],
  ["a version", east({ cilium: "1.19.7" }), ["clusters.east.cilium"]],
  ["a node", east({ workers: 2 }), ["clusters.east.workers"]],
  ["the tuning", { ...setting, tuning: "untuned" as const }, ["tuning"]],
  ["real time", { ...setting, realTime: { probers: true, backends: false } }, ["realTime.backends"]],
  ["memory", { ...setting, machine: { ...setting.machine, memoryGiB: 16 } }, ["machine.memoryGiB"]],
  ["the kernel", { ...setting, machine: { ...setting.machine, kernel: "6.1" } }, ["machine.kernel"]],
  ["replicas", { ...setting, workload: { ...setting.workload, replicas: 3 } }, ["workload.replicas"]],
  ["grace", { ...setting, workload: { ...setting.workload, graceSeconds: 30 } }, ["workload.graceSeconds"]],
  ["a budget", { ...setting, budgets: { probeEveryMs: 10 } }, ["budgets.probeEveryMs"]],
])("%s changes the hash, and is named", (_what, other, keys) => {
  const changed = settingRecordSchema.parse(other);
  expect(settingHashOf(changed)).not.toBe(settingHashOf(setting));
  expect(differingSettings(setting, changed).map((d) => d.key)).toEqual(keys);
});

test("a difference is one line with both values", () => {
  const other = settingRecordSchema.parse(east({ values: {}, workers: 3 }));
  expect(describeDifferences(differingSettings(setting, other))).toEqual([
    "clusters.east.values: not set, {}",
    "clusters.east.values.hubble.enabled: false, not set",
    "clusters.east.workers: 1, 3",
  ]);
});
