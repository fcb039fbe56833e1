import { expect, test } from "vitest";
import { kubeletSettings } from "./kubelet.ts";

test.each([
  ["1.34.9", "1", undefined],
  ["1.35.0", "2", undefined],
  ["1.35.0", "1", { failCgroupV1: false }],
  ["1.36.4", "1", { failCgroupV1: false }],
])("kubelet %s on cgroup v%s", (kubernetes, cgroup, settings) => {
  expect(kubeletSettings(kubernetes, cgroup)?.settings).toEqual(settings);
});
