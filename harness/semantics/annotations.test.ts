import { expect, test } from "vitest";
import { affinityOf, isGlobal, isGlobalNamespace, isShared } from "./annotations.ts";

test("a namespace is global by its annotation, or by the cluster's default", () => {
  const marks = [undefined, "True", "false", "1", ""].map(
    (value): Record<string, string> => (value === undefined ? {} : { "clustermesh.cilium.io/global": value }),
  );
  expect(marks.map((a) => isGlobalNamespace(a, true))).toEqual([true, true, false, false, false]);
  expect(marks.map((a) => isGlobalNamespace(a, false))).toEqual([false, true, false, false, false]);
});

test.each([
  [{ "service.cilium.io/global": "true" }, true],
  [{ "service.cilium.io/global": "True", "service.cilium.io/shared": "TRUE" }, true],
  [{ "io.cilium/global-service": "true" }, true],
  [{ "service.cilium.io/global": "false", "io.cilium/global-service": "true" }, false],
  [{ "service.cilium.io/global": "true", "service.cilium.io/shared": "no" }, false],
  [{ "service.cilium.io/global": "true", "service.cilium.io/shared": "False" }, false],
  [{ "service.cilium.io/global": "true", "io.cilium/shared-service": "false" }, false],
  [{ "service.cilium.io/shared": "true" }, false],
  [{}, false],
])("a service with %j is exported: %s", (annotations, exported) => {
  expect(isShared(annotations)).toBe(exported);
});

test("one that is not shared may still be global", () => {
  expect(isGlobal({ "service.cilium.io/global": "True", "service.cilium.io/shared": "False" })).toBe(true);
});

test.each([
  ["local", "local", "local"],
  ["Local", "local", "local"],
  ["REMOTE", "remote", "remote"],
  ["", "none", "none"],
  // Up to 1.19.5 any other text leaves the remote backends out.
  ["none", "own", "none"],
  ["nearest", "own", "none"],
])("affinity %j is %s in 1.18 and %s from 1.19 on", (value, old, now) => {
  const annotations = { "service.cilium.io/affinity": value };
  expect(affinityOf(annotations, "1.18.11")).toBe(old);
  expect(affinityOf(annotations, "1.19.4")).toBe(old);
  expect(affinityOf(annotations, "1.19.6")).toBe(now);
  expect(affinityOf(annotations, undefined)).toBe(now);
});
