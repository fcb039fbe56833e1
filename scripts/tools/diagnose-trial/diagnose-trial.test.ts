import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { Finding } from "#harness/model/finding.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { chosenFaults } from "./diagnose-trial.ts";
import { commandsToFollow, type LabTools, onLab } from "./follow-remedy.ts";
import { trialOptions } from "./options.ts";
import { outcomeOf, readResults, summary, type TrialResult } from "./results.ts";

const dir = tempFolder("diagnose-trial");
afterAll(() => rmSync(dir, { recursive: true }));

describe("arguments", () => {
  const nothing = { faults: [], reported: false, sysdump: false, fixtures: false, remedies: false };

  test("lab, count and seed have defaults; options are in any order", () => {
    expect(trialOptions([], 7)).toEqual({ ...nothing, lab: "default", count: 12, seed: 7 });
    expect(trialOptions(["a", "3", "9"], 7)).toEqual({ ...nothing, lab: "a", count: 3, seed: 9 });
    expect(
      trialOptions(
        [
          ...["--sysdump", "a", "--fault", "vxlan-drop", "--remedies", "--fault=half-meshed", "--fixtures"],
          ...["--resume", "b.jsonl", "--fault", "vxlan-drop"],
        ],
        7,
      ),
    ).toEqual({
      ...{ lab: "a", count: 0, seed: 7, faults: ["vxlan-drop", "half-meshed"], reported: false },
      ...{ sysdump: true, fixtures: true, remedies: true, resume: "b.jsonl" },
    });
    expect(trialOptions(["a", "--reported"], 7)).toMatchObject({ count: 12, reported: true });
    expect(trialOptions(["a", "0", "--reported"], 7)).toMatchObject({ count: 0, reported: true });
  });

  test("--help anywhere", () => {
    expect(trialOptions(["a", "--help"], 7)).toBeUndefined();
  });

  test.each([
    [["--fault", "nonsense"], "there is no fault nonsense"],
    [["--nonsense"], "nonsense"],
    [["--fault"], "fault"],
    [["a", "x"], "COUNT x is not a number"],
    [["a", "1", "-2"], "-2"],
    [["a", "1", "2", "3"], "unknown argument 3"],
    [["a", "0"], "COUNT is 0"],
  ])("%j is refused", (words, message) => {
    expect(() => trialOptions(words, 7)).toThrow(
      expect.objectContaining({ code: "usage", exitCode: 2, message: expect.stringContaining(message) }),
    );
  });

  test("main refuses an unknown fault with exit code 2, before it looks for a lab", () => {
    const main = join(repoRoot(), "scripts/tools/diagnose-trial/main.ts");
    const run = spawnSync(process.execPath, [main, "no-such-lab", "--fault", "nonsense"], {
      encoding: "utf8",
    });
    expect(run).toMatchObject({ status: 2, stderr: expect.stringContaining("there is no fault nonsense") });
  });
});

test("the named faults and the reported ones come first; what the lab lacks, or leaves no trace, is said", () => {
  const capabilities = {
    ...{ hasApiserver: true, hasKvstoreMesh: true, routesNatively: false, nodesAreLocal: true },
    allowsNodeControl: true,
  };
  const mesh = { clusters: [{ capabilities, ciliumVersion: "1.20.2" }] } as unknown as Parameters<
    typeof chosenFaults
  >[1];
  const { chosen, lacking } = chosenFaults(
    {
      faults: ["route-blackholed", "vxlan-drop", "policy-removed", "policy-ip-block"],
      reported: true,
      count: 5,
      seed: 3,
    },
    mesh,
    ["half-meshed", "vxlan-drop"],
  );
  const names = chosen.map((f) => f.name);
  expect(names.slice(0, 2)).toEqual(["vxlan-drop", "half-meshed"]);
  expect(names).toHaveLength(7);
  expect(new Set(names).size).toBe(7);
  expect(lacking.map(({ fault, why }) => `${fault.name}: ${why}`)).toEqual([
    "route-blackholed: the lab lacks native routing",
    expect.stringMatching(/^policy-removed: it leaves no trace: /),
    "policy-ip-block: nothing is wrong with it outside of Cilium >=1.19.0 <=1.19.4",
  ]);
});

const finding = (over: Partial<Finding>): Finding => ({
  ...{ id: "a", layer: "l", severity: "broken", cluster: "east", subject: "s", message: "m", next: "" },
  ...over,
});

test("commands of the first finding and of others of its kind are followed, each once, without those that look", () => {
  const commands = commandsToFollow(
    [
      finding({ next: "kubectl get pods; kubectl delete pod/a" }),
      finding({ cluster: "west", next: "kubectl delete pod/a; kubectl delete pod/b in east" }),
      finding({ id: "b", next: "kubectl delete pod/effect" }),
      finding({ next: "kubectl delete pod/a" }),
    ],
    ["east", "west"],
  );
  expect(commands.map((c) => `${c.cluster} ${c.argv.join(" ")}`)).toEqual([
    "east kubectl delete pod/a",
    "west kubectl delete pod/a",
    "east kubectl delete pod/b",
  ]);
  expect(commandsToFollow([], ["east"])).toEqual([]);
});

test("a command is run with the lab's contexts, tools and chart", () => {
  const tools: LabTools = {
    ...{ helm: "/t/helm", cilium: "/t/cilium" },
    contexts: new Map([
      ["east", "kind-east"],
      ["west", "kind-west"],
    ]),
    charts: new Map([["east", "/t/chart"]]),
  };
  const run = (line: string): string =>
    onLab({ cluster: "east", argv: line.split(" "), text: line, changes: true }, tools).join(" ");
  expect(run("kubectl -n a delete pod/b")).toBe("kubectl --context kind-east -n a delete pod/b");
  expect(run("docker unpause n1")).toBe("docker unpause n1");
  expect(run("helm -n a upgrade cilium cilium/cilium --version 1.19.4 --reuse-values --set a=b")).toBe(
    "/t/helm --kube-context kind-east -n a upgrade cilium /t/chart --reuse-values --set a=b",
  );
  expect(run("cilium clustermesh connect --context east --destination-context west")).toBe(
    "/t/cilium clustermesh connect --context kind-east --destination-context kind-west",
  );
  expect(run("cilium clustermesh enable")).toBe("/t/cilium --context kind-east clustermesh enable");
});

describe("results", () => {
  const ok = { ok: true, said: "said", ms: 1500 };
  const bad = { ...ok, ok: false };
  const result = (over: Partial<TrialResult>): TrialResult => ({
    ...{ fault: "f", at: "2026-11-27T00:00:00.000Z", names: ["n"], live: ok, files: ok },
    ...over,
  });
  const all = { sysdump: true, remedies: true };
  const followed = { ...ok, how: "followed" as const, commands: ["east: kubectl delete pod/a"] };

  test.each([
    [{}, { sysdump: false, remedies: false }, "passed"],
    [{ live: bad }, { sysdump: false, remedies: false }, "failed"],
    [{ files: bad }, { sysdump: false, remedies: false }, "failed"],
    [{ error: "e" }, { sysdump: false, remedies: false }, "failed"],
    [{}, all, "failed"],
    [{ sysdump: ok }, all, "failed"],
    [{ sysdump: ok, remedy: followed }, all, "passed"],
    [{ sysdump: bad, remedy: followed }, all, "failed"],
    [{ sysdump: ok, remedy: { ...followed, ok: false } }, all, "failed"],
    [{ sysdump: ok, remedy: { ...bad, how: "no-command", commands: [] } }, all, "no command"],
    [{ sysdump: bad, remedy: { ...bad, how: "no-command", commands: [] } }, all, "failed"],
  ] as const)("%j with %j: %s", (over, asked, outcome) => {
    expect(outcomeOf(result(over), asked)).toBe(outcome);
  });

  test("are read from the file of an earlier trial, whose last line may be cut off", async () => {
    const file = join(dir, "results.jsonl");
    const lines = [result({ fault: "a" }), result({ fault: "b", remedy: followed })];
    writeFileSync(file, `${lines.map((r) => JSON.stringify(r)).join("\n")}\n{"fault":"c","at"`);
    expect(await readResults(file)).toEqual(lines);
    writeFileSync(file, '{"fault":1}\n');
    await expect(readResults(file)).rejects.toThrow(/line 1 of/);
    await expect(readResults(join(dir, "none"))).rejects.toMatchObject({ code: "usage" });
  });

  test("the table has a row for each fault, and says why one failed", () => {
    const lines = summary(
      [
        result({ fault: "a", sysdump: ok, remedy: followed }),
        result({ fault: "b", sysdump: bad, remedy: { ...bad, how: "no-command", commands: [] } }),
        result({ fault: "c", sysdump: ok, remedy: { ...bad, how: "no-command", commands: [] } }),
      ],
      all,
    );
    expect(lines.join("\n")).toMatch(/^a +passed +pass 1\.5s +pass 1\.5s +pass 1\.5s +pass 1\.5s$/m);
    expect(lines.join("\n")).toMatch(/^c +no command .* no command$/m);
    expect(lines).toContain("FAIL  b: sysdump: said");
    expect(lines).toContain("1 without a command in the next step");
  });
});
