import { describe, expect, test } from "vitest";
import type { Capabilities } from "#harness/cluster/capabilities.ts";
import { faultNamed, faults } from "./index.ts";
import { lacked, needsOf } from "./needs.ts";

const all: Capabilities = {
  allowsNodeControl: true,
  nodesAreLocal: true,
  assignsLoadBalancerIPs: true,
  hasApiserver: true,
  hasKvstoreMesh: true,
  routesNatively: true,
  isDualStack: false,
};
const meshOf = (...lacking: Partial<Capabilities>[]) => ({
  clusters: lacking.map((less) => ({ capabilities: { ...all, ...less } })),
});
const external = { allowsNodeControl: false };
const remote = { ...external, nodesAreLocal: false };

describe("what a fault needs", () => {
  test.each([
    ["node-paused", external, "clusters created by Meshproof"],
    ["partition", external, "clusters created by Meshproof"],
    ["policy-default-changed", external, "clusters created by Meshproof"],
    ["apiserver-killed", { hasApiserver: false }, "clustermesh-apiserver"],
    ["kvstoremesh-killed", { hasKvstoreMesh: false }, "KVStoreMesh"],
    ["etcd-certificate-name", {}, "an external etcd"],
    ["route-blackholed", { routesNatively: false }, "native routing"],
    ["backends-silent", remote, "nodes on this machine"],
  ] as const)("%s is refused where a single cluster lacks it", (name, lacking, need) => {
    expect(lacked(faultNamed(name), meshOf({}, lacking))).toBe(need);
  });

  test.each([
    ["node-paused", {}],
    ["backends-silent", external],
    ["global-removed", remote],
    ["remote-backends-stopped", remote],
  ] as const)("%s has what it needs", (name, lacking) => {
    expect(lacked(faultNamed(name), meshOf(lacking, lacking))).toBeUndefined();
  });

  test("every fault allowed on external clusters has a suite's namespace and needs no node control", () => {
    const possible = faults.filter((f) => lacked(f, meshOf(external, external)) === undefined);
    expect(possible.length).toBeGreaterThan(0);
    expect(possible.every((f) => f.needsNamespace === true)).toBe(true);
    expect(possible.flatMap(needsOf)).not.toContain("clusters created by Meshproof");
  });
});
