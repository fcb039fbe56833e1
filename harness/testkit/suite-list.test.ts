import { expect, test } from "vitest";
import { readLabFile } from "#harness/config/lab-file.ts";
import { labFileOf } from "#harness/config/profiles.ts";
import { readDurations, recordedOrMean } from "./durations.ts";
import { chooseSuites, listTests, loadSuites, suiteNames } from "./suite-list.ts";

const all = await loadSuites();

test("suites are ordered by their dependencies", () => {
  expect(suiteNames(all, "core")).toEqual([
    "node-discovery",
    "kvstore",
    "health-matrix",
    "pod-to-pod",
    "global-service",
    "affinity",
    "failover",
    "policy",
  ]);
  expect(suiteNames(all, "lab")[0]).toBe("endpoint-slices");
  expect(suiteNames(all, "long").every((s) => s.startsWith("failover-"))).toBe(true);
});

test("without names, the suites of every lab and those of the lab file run; an unknown name is refused", () => {
  const names = (named: string[], suites: string[]): string[] =>
    chooseSuites(all, named, { suites }).map((s) => s.info.name);
  expect(names([], ["nginx"])).toEqual([...suiteNames(all, "core"), "nginx"]);
  expect(names(["policy", "kvstore"], ["nginx"])).toEqual(["policy", "kvstore"]);
  expect(() => names(["polcy"], [])).toThrow("there is no suite polcy");
  expect(() => names([], ["ngnix"])).toThrow("there is no suite ngnix");
});

test("an extended suite runs only if it or the tag is named; with the tag, long suites count too", () => {
  const tagged = all.map((s) =>
    ["policy", "nginx"].includes(s.info.name)
      ? { ...s, info: { ...s.info, tags: [...s.info.tags, "extended"] } }
      : s,
  );
  const names = (named: string[], tags?: string[]): string[] =>
    chooseSuites(tagged, named, { suites: ["nginx", "mcs-api"] }, tags).map((s) => s.info.name);
  const core = suiteNames(all, "core").filter((n) => n !== "policy");
  expect(names([])).toEqual([...core, "mcs-api"]);
  expect(names([], ["services"])).toEqual([...core, "mcs-api"]);
  expect(names(["policy"])).toEqual(["policy"]);
  expect(names([], ["extended"])).toEqual([
    ...suiteNames(all, "core"),
    ...["nginx", "mcs-api"],
    ...suiteNames(all, "long"),
  ]);
});

test("every long suite is extended, and the default run's recorded durations are at most 12 minutes", async () => {
  for (const { info } of all) if (info.when === "long") expect(info.tags, info.name).toContain("extended");
  const { suites } = await readLabFile(labFileOf("default"));
  const durationOf = recordedOrMean(readDurations().suites);
  const names = chooseSuites(all, [], { suites: suites ?? [] }).map((s) => s.info.name);
  expect(names.reduce((sum, name) => sum + durationOf(name), 0)).toBeLessThanOrEqual(12 * 60_000);
});

test("tests that measure a failover are unsupported on nodes of other machines, whose clock and agents nobody reads", () => {
  const measuring = all.filter((s) => s.info.name.startsWith("failover"));
  expect(measuring.length).toBeGreaterThan(5);
  for (const { info, tests } of measuring)
    for (const t of tests({ clusters: ["east", "west"] }))
      expect([...(info.requires ?? []), ...(t.requires ?? [])], `${info.name} > ${t.title}`).toContain(
        "localNodes",
      );
});

test("titles contain the clusters' names, each pair in both orders", () => {
  const titles = listTests(all, ["a", "b", "c"]).get("pod-to-pod");
  expect(titles).toHaveLength(18);
  expect(titles).toContain("c -> a > UDP from every node to every node");
});

test("repetitions of a scenario target the clusters in turn, or both each time", () => {
  const titles = (suite: string): string[] | undefined =>
    all
      .find((s) => s.info.name === suite)
      ?.tests({ clusters: ["a", "b"], repeat: 3 })
      .map((t) => t.title);
  const partition = "partition, control plane, affinity local, and back";
  expect(titles("failover-mesh")?.filter((t) => t.includes(partition))).toEqual([
    `a -> b > ${partition} (1 of 3)`,
    `b -> a > ${partition} (2 of 3)`,
    `a -> b > ${partition} (3 of 3)`,
  ]);
  expect(titles("failover")).toHaveLength(6);
  expect(titles("failover-migration")).toHaveLength(6);
});

test("a suite's description is complete, and links lead to the documentation or to a KEP", () => {
  for (const { info, tests } of all) {
    for (const text of [info.goal, info.method, info.failureMeans])
      expect(text, info.name).toMatch(/^\S[\s\S]{10,}\.$/);
    expect(info.tags.includes("core"), info.name).toBe(info.when === "core");
    for (const { spec } of tests({ clusters: ["east", "west"] }))
      expect(spec ?? "https://docs.cilium.io/").toMatch(
        /^https:\/\/(docs\.cilium\.io|kubernetes\.io|github\.com\/kubernetes\/enhancements)\//,
      );
  }
});
