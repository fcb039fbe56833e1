import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { planLab } from "#harness/config/plan.ts";
import { faultNamed } from "#harness/faults/index.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleArtifacts } from "#harness/model/examples.ts";
import type { PlannedExternalCluster } from "#harness/model/lab-plan.ts";
import { currentOwner } from "#harness/platform/owner.ts";
import { readLabState, writeLabState } from "#harness/state/lab.ts";
import { checkFault, type ExternalOptions, testExternal } from "./test-external.ts";

const external = (name: string, id: number, networks: string[] = []): PlannedExternalCluster => ({
  kind: "external",
  name,
  id,
  podCidr: `10.${id}.0.0/16`,
  serviceCidr: "unknown",
  kubernetes: "1.34.4",
  cilium: "1.19.4",
  context: name,
  kubeconfig: "k",
  networks,
  hasApiserver: true,
  hasKvstoreMesh: true,
  routesNatively: false,
  assignsLoadBalancerIPs: false,
});

const discovered = vi.hoisted(() => new Map<string, unknown>());
vi.mock("#harness/cluster/external/discover-cluster.ts", () => ({
  discoverCluster: async (context: string) => discovered.get(context),
}));

let dir = "";
beforeEach(() => {
  dir = tempFolder("external");
  process.env.XDG_STATE_HOME = dir;
  const [cluster, user] = ["of-all", "nobody"];
  writeFileSync(
    join(dir, "kubeconfig.json"),
    JSON.stringify({
      clusters: [{ name: cluster, cluster: { server: "https://127.0.0.1:1" } }],
      users: [{ name: user, user: {} }],
      contexts: ["a", "b", "c"].map((name) => ({ name, context: { cluster, user } })),
    }),
  );
  discovered.set("a", external("east", 1)).set("b", external("west", 2)).set("c", external("north", 2));
});
afterEach(() => {
  delete process.env.XDG_STATE_HOME;
  rmSync(dir, { recursive: true, force: true });
});

const { signal } = new AbortController();
const run = (over: Partial<ExternalOptions>) =>
  testExternal({
    contexts: ["a", "b"],
    kubeconfig: join(dir, "kubeconfig.json"),
    suites: ["affinity"],
    signal,
    ...over,
  } as ExternalOptions);

const extendedOnly = { suites: [], selection: { tags: ["extended"] } };

describe("tests on external clusters", () => {
  test.each([
    ["one context", { contexts: ["a"] }, "usage", "a mesh needs two clusters"],
    ["a suite that changes Cilium", { suites: ["cache-ttl"] }, "usage", "cache-ttl would change Cilium"],
    ["a tag of suites that change nodes", extendedOnly, "usage", "failover-mesh and failover-delays would"],
    [
      "a pattern of no test",
      { selection: { tests: ["no such"] } },
      "usage",
      "--test no such matches no test",
    ],
    ["an unknown defect", { accept: ["CVE-1"] }, "usage", "--accept CVE-1 names neither"],
    ["a fault of nodes", { fault: "node-paused" }, "usage", "needs clusters created by Meshproof"],
    ["an unknown suite", { suites: ["nosuch"] }, "usage", "no suite nosuch"],
    ["a missing kubeconfig", { kubeconfig: "/no/kubeconfig" }, "config-invalid", "/no/kubeconfig"],
    ["a missing context", { contexts: ["a", "d"] }, "config-invalid", "no context d"],
    ["two clusters with one id", { contexts: ["b", "c"] }, "config-conflict", "id 2"],
  ])("refuse %s before any change", async (_, over, code, message) => {
    if (code === "config-conflict") discovered.set("b", external("north", 2));
    await expect(run(over)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    expect(await readLabState("external")).toBeUndefined();
  });

  test("leave a kind lab of that name alone", async () => {
    const plan = await planLab({ lab: "external" });
    const state = {
      version: 3,
      lab: "external",
      owner: currentOwner().id,
      phase: "up",
      runId: "r",
      createdAt: "t",
      plan,
      artifacts: exampleArtifacts(plan),
    } as const;
    await writeLabState(state);
    await expect(run({})).rejects.toMatchObject({
      code: "config-conflict",
      remedy: expect.stringContaining("down --lab external"),
    });
    expect((await readLabState("external"))?.plan.clusters[0]?.kind).toBe("kind");
  });

  test("refuse a fault that no external cluster supports before contacting any cluster", async () => {
    discovered.clear();
    await expect(run({ fault: "partition" })).rejects.toMatchObject({
      code: "usage",
      remedy: expect.stringMatching(/^choose one of (?!.*partition).*global-removed/),
    });
  });
});

describe("a fault on external clusters", () => {
  const remote = [external("east", 1), external("west", 2)];
  const local = [external("east", 1, ["kind"]), external("west", 2, ["kind"])];

  test("may change a suite's own objects", () => {
    expect(() => checkFault(faultNamed("global-removed"), remote)).not.toThrow();
  });

  test("may work inside a suite's own pods if nodes are local, otherwise reports that and lists possible faults", () => {
    expect(() => checkFault(faultNamed("backends-silent"), local)).not.toThrow();
    expect(() => checkFault(faultNamed("backends-silent"), remote)).toThrow(
      expect.objectContaining({
        code: "usage",
        message: "fault backends-silent needs nodes on this machine: unsupported on these clusters",
        remedy: expect.stringMatching(/^choose one of (?!.*backends-silent).*global-removed/),
      }),
    );
  });

  test("never changes nodes or Cilium", () => {
    for (const name of ["node-paused", "partition", "agent-killed", "policy-default-changed"])
      expect(() => checkFault(faultNamed(name), local)).toThrow("needs clusters created by Meshproof");
  });
});
