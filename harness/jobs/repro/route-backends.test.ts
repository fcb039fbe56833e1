import { describe, expect, test } from "vitest";
import { firstLines } from "./plan-examples.ts";

const values = (name: string, id: number, more: object = {}): object => ({
  ...{ cluster: { name, id }, clustermesh: { useAPIServer: true } },
  ipam: { operator: { clusterPoolIPv4PodCIDRList: [`10.${id}.0.0/16`] } },
  ...more,
});
const service = (name: string, metadata: object = {}): object => ({
  ...{ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop", ...metadata } },
  spec: { selector: { app: name }, ports: [{ name: "http", port: 80 }] },
});
const route = (kind: string, spec: object, apiVersion = "gateway.networking.k8s.io/v1"): object => ({
  ...{ apiVersion, kind, metadata: { name: "edge", namespace: "shop" }, spec },
});
const lines = (ofAlpha: readonly object[], ofBeta: readonly object[], more: object = {}): Promise<string[]> =>
  firstLines({
    ...{ "alpha/values.yaml": values("alpha", 1, more), "alpha/objects.yaml": ofAlpha },
    ...{ "beta/values.yaml": values("beta", 2), "beta/objects.yaml": ofBeta },
  });

describe("a route to a Service that only another cluster has", () => {
  const cart = service("cart");
  const both = [cart, service("stock")];
  const to = (...refs: readonly object[]): object => ({ rules: [{ backendRefs: refs }] });
  const said = (what: string): string =>
    `alpha: Service shop/stock: ${what} shop/edge of alpha sends requests to it, and only beta has it: alpha needs the Service too, global in both, to use backends of beta [perhaps]`;

  test.each(["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute"])("%s", async (kind) => {
    const own = route(kind, to({ name: "cart", port: 80 }, { name: "stock", port: 80 }));
    expect(await lines([cart, own], both)).toEqual([said(kind)]);
  });

  test("an Ingress, and a mirror of requests", async () => {
    const backend = { service: { name: "stock", port: { number: 80 } } };
    const paths = [{ path: "/", pathType: "Prefix", backend }];
    const ingress = route("Ingress", { rules: [{ http: { paths } }] }, "networking.k8s.io/v1");
    expect(await lines([cart, ingress], both)).toEqual([said("Ingress")]);
    const filters = [{ type: "RequestMirror", requestMirror: { backendRef: { name: "stock", port: 80 } } }];
    const mirror = route("HTTPRoute", { rules: [{ filters, backendRefs: [{ name: "cart" }] }] });
    expect(await lines([cart, mirror], both)).toEqual([said("HTTPRoute")]);
  });

  test.each([
    ["no cluster has it", [cart, route("HTTPRoute", to({ name: "gone" }))]],
    ["it is of another kind", [cart, route("HTTPRoute", to({ kind: "ServiceImport", name: "stock" }))]],
    ["the namespace is another", [cart, route("HTTPRoute", to({ name: "stock", namespace: "eu" }))]],
    ["no service of the cluster is given", [route("HTTPRoute", to({ name: "stock" }))]],
    ["the cluster has it", [...both, route("HTTPRoute", to({ name: "stock" }))]],
  ])("nothing where %s", async (_, objects) => {
    expect(await lines(objects, both)).toEqual([]);
  });
});

describe("labels and names of services", () => {
  const annotations = { "service.cilium.io/global": "true" };
  const proxy = "service.kubernetes.io/service-proxy-name";
  const plain = [service("cart", { annotations })];
  const labelled = [service("cart", { annotations, labels: { [proxy]: "cilium" } })];

  test("the chart's value decides which services Cilium reads", async () => {
    const own = { k8s: { serviceProxyName: "cilium" } };
    expect((await lines(labelled, plain)).join("\n")).toContain(
      `alpha: Service shop/cart: is global, and has the label ${proxy}: "cilium": Cilium of alpha does not read it`,
    );
    expect(await lines(labelled, plain, own)).toEqual([]);
    expect((await lines(plain, plain, own)).join("\n")).toContain(`has no label ${proxy}`);
  });

  test("a mark among the labels", async () => {
    const wrong = [service("cart", { labels: annotations })];
    expect((await lines(wrong, wrong)).join("\n")).toContain(
      'Service shop/cart: label service.cilium.io/global: "true" has no effect',
    );
  });

  test("DNS of both clusters", async () => {
    const dns = [service("kube-dns", { namespace: "kube-system", annotations })];
    expect((await lines(dns, dns)).join("\n")).toContain(
      "alpha, beta: Service kube-system/kube-dns: is the cluster's own DNS, and global in alpha and beta",
    );
  });
});
