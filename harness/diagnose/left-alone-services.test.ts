import { expect, test } from "vitest";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, ServiceState } from "#harness/model/mesh-snapshot.ts";
import { causesOf, meshWith, ok, service, west, withSettings } from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

const proxyName = "service.kubernetes.io/service-proxy-name";
const headless = "service.kubernetes.io/headless";

const found = (over: Partial<ServiceState>, ofWest: Partial<ClusterSnapshot> = {}): Finding[] =>
  causesOf(meshWith({}, { services: ok([service(over)]), ...ofWest })).filter(
    (f) => f.id === "service-left-alone",
  );
const commands = ([finding]: readonly Finding[]): string[] =>
  finding === undefined
    ? []
    : remedyCommands(finding, ["east", "west"]).map((c) => `${c.cluster}: ${c.text}`);

test("a global service with the label of another proxy is broken, and nothing else is", () => {
  const labels = { [proxyName]: "kube-router" };
  const all = causesOf(meshWith({}, { services: ok([service({ labels })]) }));
  expect(all).toMatchObject([
    {
      ...{ id: "service-left-alone", severity: "broken", cluster: "west", layer: "services" },
      subject: "service shop/cart of west",
      message: `service shop/cart of west is global, and has the label ${proxyName}: "kube-router": Cilium of west does not read it, so none of its backends is exported, and its clients in west get none of others`,
    },
  ]);
  expect(commands(all)).toEqual([`west: kubectl -n shop label --overwrite service/cart ${proxyName}-`]);
});

test("the agents' own name of a proxy decides", () => {
  const { config } = withSettings(west, { "k8s-service-proxy-name": "cilium" });
  expect(found({ labels: { [proxyName]: "cilium" } }, { config })).toEqual([]);
  expect(commands(found({}, { config }))).toEqual([
    `west: kubectl -n shop label --overwrite service/cart ${proxyName}=cilium`,
  ]);
  expect(found({ labels: { [proxyName]: "a" } }, { config: { ok: false, why: "not there" } })).toMatchObject([
    { severity: "suspect" },
  ]);
});

test("the label of headless services counts for one with a ClusterIP", () => {
  const labels = { [headless]: "" };
  expect(commands(found({ labels }))).toEqual([
    `west: kubectl -n shop label --overwrite service/cart ${headless}-`,
  ]);
  expect(found({ labels, clusterIp: "None" })).toEqual([]);
  expect(found({ labels: { ...labels, [proxyName]: "a" }, annotations: {} })).toEqual([]);
});
