import { expect, test } from "vitest";
import { object } from "./gitops/example-files.ts";
import { firstLines, readFolder } from "./plan-examples.ts";
import { podsByService } from "./service-pods.ts";

const values = (name: string, id: number): object => ({
  cluster: { name, id },
  clustermesh: { useAPIServer: true },
  ipam: { operator: { clusterPoolIPv4PodCIDRList: [`10.${id}.0.0/16`] } },
});
const inShop = { metadata: { name: "cart", namespace: "shop" } };
const service = (annotations: object = {}, spec: object = { selector: { app: "cart" } }): object => ({
  ...object("v1", "Service", { spec: { ports: [{ port: 80 }], ...spec } }),
  metadata: { ...inShop.metadata, annotations: { "service.cilium.io/global": "true", ...annotations } },
});
const deployment = (replicas: number, app = "cart"): object => ({
  ...object("apps/v1", "Deployment", {
    spec: {
      replicas,
      selector: { matchLabels: { app } },
      template: { metadata: { labels: { app } }, spec: { containers: [{ name: "c" }] } },
    },
  }),
  metadata: { name: app, namespace: "shop" },
});
const slice = {
  ...object("discovery.k8s.io/v1", "EndpointSlice", { endpoints: [{ addresses: ["10.1.0.7"] }] }),
  metadata: { ...inShop.metadata, labels: { "kubernetes.io/service-name": "cart" } },
};
const keda = {
  ...object("keda.sh/v1alpha1", "ScaledObject", { spec: { scaleTargetRef: { name: "cart" } } }),
  ...inShop,
};

test.each([
  ["its workload's replicas", 2, [service(), deployment(2)]],
  ["of none", 0, [service(), deployment(0)]],
  ["no workload among others of the namespace", 0, [service(), deployment(2, "web")]],
  ["no workload at all, which says nothing", undefined, [service()]],
  ["no selector, so others wrote its endpoints", undefined, [service({}, {}), deployment(0)]],
  ["endpoints that the cluster has", undefined, [service(), deployment(0), slice]],
  ["a workload that KEDA scales", undefined, [service(), deployment(0), keda]],
])("pods of a service: %s", async (_, pods, objects) => {
  const beta = { "beta/values.yaml": values("beta", 2), "beta/objects.yaml": [service(), deployment(1)] };
  const files = { "alpha/values.yaml": values("alpha", 1), "alpha/objects.yaml": objects, ...beta };
  const clusters = await readFolder(files);
  const [alpha] = clusters;
  expect(alpha?.services.map((s) => podsByService(clusters)(alpha, s))).toEqual([pods]);
});

test("a service of which no cluster's files have a workload may have pods all the same", async () => {
  const objects = [service(), deployment(2, "web")];
  const clusters = await readFolder({
    "alpha/values.yaml": values("alpha", 1),
    "alpha/objects.yaml": objects,
    "beta/values.yaml": values("beta", 2),
    "beta/objects.yaml": objects,
  });
  const podsOf = podsByService(clusters);
  expect(clusters.flatMap((c) => c.services.map((s) => podsOf(c, s)))).toEqual([undefined, undefined]);
});

test("a service that nobody serves for a cluster's clients breaks the mesh", async () => {
  const files = (mark: object) => ({
    "alpha/values.yaml": values("alpha", 1),
    "alpha/objects.yaml": [service({ "service.cilium.io/affinity": "remote" }), deployment(0)],
    "beta/values.yaml": values("beta", 2),
    "beta/objects.yaml": [service(mark), deployment(2)],
  });
  expect(await firstLines(files({ "service.cilium.io/shared": "false" }))).toEqual([
    'alpha: Service shop/cart: nobody serves it for clients in alpha: alpha has no pods of it, beta does not share its 2 (service.cilium.io/shared: "false") [yes]',
  ]);
  expect(await firstLines(files({}))).toEqual([]);
});
