import { expect, test } from "vitest";
import { type ClusterSettings, isToleratedId, settingDifferences, wrongId } from "./mesh-settings.ts";

const cluster = (
  name: string,
  settings: ClusterSettings["settings"],
  version = "1.19.7",
): ClusterSettings => ({ name, settings, version });
const differing = (...clusters: readonly ClusterSettings[]): string[] =>
  settingDifferences(clusters).map(
    ({ setting, values }) => `${setting.key}: ${values.map((v) => `${v.name} ${v.value}`).join(", ")}`,
  );

test("a port that follows from the protocol is no difference of its own; one that is set is", () => {
  const geneve = cluster("c2", { "tunnel-protocol": "geneve" });
  expect(differing(cluster("c1", {}), geneve)).toEqual(["tunnel-protocol: c1 vxlan, c2 geneve"]);
  expect(differing(cluster("c1", { "tunnel-port": "9000" }), geneve)).toEqual([
    "tunnel-protocol: c1 vxlan, c2 geneve",
    "tunnel-port: c1 9000, c2 6081",
  ]);
});

test("the old key counts for the versions that read it", () => {
  const old = { tunnel: "disabled" };
  expect(differing(cluster("c1", old, "1.14.4"), cluster("c2", {}, "1.14.4"))).toEqual([
    "routing-mode: c1 native, c2 tunnel",
  ]);
  expect(differing(cluster("c1", old), cluster("c2", {}))).toEqual([]);
  const geneve = { tunnel: "geneve" };
  expect(differing(cluster("c1", geneve, "1.14.4"), cluster("c2", geneve))).toEqual([
    "tunnel-protocol: c1 geneve, c2 vxlan",
  ]);
});

test("patterns of identity-relevant labels are compared as sets", () => {
  const one = cluster("c1", { labels: "k8s:app  k8s:!tier" });
  expect(differing(one, cluster("c2", { labels: "k8s:!tier k8s:app" }))).toEqual([]);
  expect(differing(cluster("c1", { labels: "" }), cluster("c2", {}))).toEqual([]);
  expect(differing(one, cluster("c2", {}))).toEqual(["labels: c1 k8s:!tier k8s:app, c2 the default"]);
});

test("an id that loses traffic is tolerated where a flag says so, and one out of range never", () => {
  const flag = { ipam: "eni", "allow-unsafe-policy-skb-usage": "true" };
  expect(isToleratedId(cluster("c1", { ...flag, "cluster-id": "130" }))).toBe(true);
  expect(wrongId(cluster("c1", { ...flag, "cluster-id": "130" }))).toContain("21330");
  expect(isToleratedId(cluster("c1", { ...flag, "cluster-id": "300" }))).toBe(false);
  expect(isToleratedId(cluster("c1", { ipam: "eni", "cluster-id": "130" }))).toBe(false);
});
