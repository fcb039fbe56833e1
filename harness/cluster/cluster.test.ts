import { describe, expect, test, vi } from "vitest";
import { planLab, requireKindPlan } from "#harness/config/plan.ts";
import type { Artifacts } from "#harness/model/artifacts.ts";
import type { LabPlan, PlannedExternalCluster } from "#harness/model/lab-plan.ts";
import { clusterOf, isKind, localNode, requireKind } from "./cluster.ts";
import { ExternalCluster } from "./external/external-cluster.ts";
import { KindCluster } from "./kind/kind-cluster.ts";
import { networksOf } from "./kind/networks.ts";
import { pauseNode } from "./kind/node-control.ts";
import { Mesh } from "./mesh.ts";
import { onNode } from "./node.ts";

const ran = vi.hoisted((): string[] => []);
const run = vi.hoisted(() => async (program: string, argv: readonly string[]) => {
  ran.push([program, ...argv].join(" "));
  return { exitCode: 0, stdout: "", stderr: "" };
});
vi.mock("#harness/platform/command.ts", () => ({ command: run, output: async () => "" }));
// Clients of API servers read their kubeconfig when they are made, and there is none here.
vi.mock("#harness/kube/kube.ts", async (original) => ({
  ...(await original<object>()),
  Kube: class {},
}));

const externalCluster: PlannedExternalCluster = {
  kind: "external",
  name: "prod",
  id: 9,
  podCidr: "10.9.0.0/16",
  serviceCidr: "unknown",
  kubernetes: "1.33.1",
  cilium: "1.19.4",
  context: "admin@prod",
  kubeconfig: "/home/someone/.kube/config",
  networks: [],
  hasApiserver: true,
  hasKvstoreMesh: false,
  routesNatively: true,
  assignsLoadBalancerIPs: true,
};
const kindPlan = await planLab({ lab: "paper" });
const externalPlan: LabPlan = { ...kindPlan, lab: "external", clusters: [externalCluster] };

const stateOf = (plan: LabPlan) => ({
  plan,
  artifacts: {
    clusters: Object.fromEntries(plan.clusters.map((c) => [c.name, { ciliumVersion: "1.19.4" }])),
  } as unknown as Artifacts,
});
const [planned] = kindPlan.clusters;
const kind = new KindCluster(kindPlan, planned as NonNullable<typeof planned>, "1.19.4");
const external = new ExternalCluster(externalPlan, externalCluster, "1.19.4");
const local = new ExternalCluster(externalPlan, { ...externalCluster, networks: ["kind"] }, "1.19.4");
const { signal } = new AbortController();

describe("a cluster of a plan", () => {
  test("is a kind cluster with a context and a network of the lab", () => {
    const made = clusterOf(stateOf(kindPlan), kind.name);
    expect(isKind(made) && made).toMatchObject({
      kind: "kind",
      context: expect.stringMatching(/^kind-mp-[0-9a-f]{6}-paper--/),
      kubeconfig: expect.stringMatching(/paper\/[^/]*\.kubeconfig$/),
      network: expect.stringMatching(/^mp-[0-9a-f]{6}-paper$/),
    });
  });

  test("is an external cluster with its own context and kubeconfig", () => {
    const made = clusterOf(stateOf(externalPlan), "prod");
    expect(isKind(made)).toBe(false);
    expect(made).toMatchObject({
      kind: "external",
      name: "prod",
      id: 9,
      context: "admin@prod",
      kubeconfig: "/home/someone/.kube/config",
      ciliumVersion: "1.19.4",
      kubernetesVersion: "1.33.1",
    });
  });

  test("must be named as in the lab", () => {
    expect(() => clusterOf(stateOf(externalPlan), "dev")).toThrow("lab external has no cluster dev");
    expect(() => new Mesh({ ...stateOf(externalPlan) } as never).cluster("dev")).toThrow("no cluster dev");
  });

  test("may be of either kind in one mesh", () => {
    const both = { ...kindPlan, clusters: [...kindPlan.clusters, externalCluster] };
    const { clusters } = new Mesh(stateOf(both) as never);
    expect(clusters.map((c) => c.kind)).toEqual([...kindPlan.clusters.map(() => "kind"), "external"]);
  });
});

describe("a node", () => {
  test("of a kind cluster may be paused, and runs programs", async () => {
    await pauseNode(kind.node("n1"), signal);
    await onNode(localNode(kind, "n1"), ["true"]);
    expect(ran.splice(0)).toEqual(["docker pause n1", expect.stringMatching(/^docker exec .*n1 true$/)]);
  });

  test("of an external cluster runs programs only where it is a container of this machine", async () => {
    await onNode(localNode(local, "n1"), ["true"]);
    expect(ran.splice(0)).toEqual([expect.stringMatching(/^docker exec .*n1 true$/)]);
    expect(() => localNode(external, "n1")).toThrow("node n1 of prod is not a container of this machine");
  });

  test("of an external cluster cannot be paused: that does not compile", () => {
    const misuse = async () => {
      // @ts-expect-error an external cluster has no method that returns a KindNode
      external.node("n1");
      // @ts-expect-error a LocalNode cannot be paused
      await pauseNode(localNode(local, "n1"), signal);
      for (const node of await external.nodes()) {
        // @ts-expect-error its nodes are not KindNodes
        await pauseNode(node, signal);
        // @ts-expect-error its nodes are not LocalNodes
        await onNode(node, ["true"]);
      }
      const either = clusterOf(stateOf(externalPlan), "prod");
      // @ts-expect-error only a KindCluster has a network
      either.network;
      return isKind(either) ? either.network : undefined;
    };
    expect(misuse).toBeTypeOf("function");
  });
});

describe("what only kind clusters allow", () => {
  test("is refused for an external one, naming it", () => {
    expect(requireKind(kind, "a partition")).toBe(kind);
    expect(() => requireKind(external, "a partition")).toThrow(
      "a partition is unsupported on external clusters: prod",
    );
  });

  test("is refused for a plan that has one", () => {
    expect(requireKindPlan(kindPlan, "a bundle")).toBe(kindPlan);
    expect(() => requireKindPlan(externalPlan, "a bundle")).toThrow(
      "a bundle is unsupported on external clusters: prod",
    );
  });
});

test("a lab's networks are those of its nodes", () => {
  const clusters = [{ ...externalCluster, networks: ["kind"] }, externalCluster];
  expect(networksOf({ ...externalPlan, clusters })).toEqual(["kind"]);
  expect(networksOf(kindPlan)).toEqual([kind.network]);
});
