import { expect, test } from "vitest";
import { sharedDns } from "./dns-services.ts";

const global = "service.cilium.io/global";
const affinity = "service.cilium.io/affinity";
const kubeDns = { "k8s-app": "kube-dns" };

const side = (
  cluster: string,
  annotations: Record<string, string> = {},
  { name = "kube-dns", selector = kubeDns }: { name?: string; selector?: Record<string, string> } = {},
) => ({
  ...{ cluster, version: "1.20.2" },
  service: { namespace: "kube-system", name, annotations: { [global]: "true", ...annotations }, selector },
});

test("DNS that two clusters join answers for one another", () => {
  expect(sharedDns([side("c1"), side("c2")])).toEqual({
    what: "is the cluster's own DNS, and global in c1 and c2: DNS pods of another cluster answer queries of c1 and c2 too, with ClusterIPs of their own cluster, or that a name does not exist",
    isFallback: false,
  });
});

test("affinity local: only where a cluster has no DNS pod of its own", () => {
  const local = { [affinity]: "local" };
  expect(sharedDns([side("c1", local), side("c2", local)])).toEqual({
    what: `is the cluster's own DNS, and global in c1 and c2: affinity "local" keeps queries of c1 and c2 there as long as a DNS pod of its own is ready; without one, DNS pods of another cluster answer with ClusterIPs of their own cluster, or that a name does not exist`,
    isFallback: true,
  });
  const one = sharedDns([side("c1", local), side("c2")]);
  expect(one?.isFallback).toBe(false);
  expect(one?.what).toContain('answer queries of c2 too (affinity "local" keeps queries of c1 there');
});

test("by the selector, whatever the name", () => {
  const rke2 = { name: "rke2-coredns-rke2-coredns" };
  expect(sharedDns([side("c1", {}, rke2), side("c2", {}, rke2)])).toBeDefined();
  expect(sharedDns([side("c1", {}, { selector: {} }), side("c2")])).toBeDefined();
});

const unshared = { "service.cilium.io/shared": "false" };
// A service that leads from one cluster to the DNS of another.
const oneWay = { name: "dns-of-c2" };
const web = { name: "web", selector: { app: "web" } };

test.each([
  ["only one cluster joins it", [side("c1"), side("c2", { [global]: "false" })]],
  ["nobody shares it", [side("c1", unshared), side("c2", unshared)]],
  ["one has no DNS behind it", [side("c1", {}, { ...oneWay, selector: {} }), side("c2", {}, oneWay)]],
  ["it is no DNS", [side("c1", {}, web), side("c2", {}, web)]],
])("nothing where %s", (_, sides) => {
  expect(sharedDns(sides)).toBeUndefined();
});

test("a cluster that keeps its own back still asks the others", () => {
  const found = sharedDns([side("c1", unshared), side("c2")]);
  expect(found?.what).toContain("answer queries of c1 too,");
});
