import { describe, expect, test } from "vitest";
import { notYet, ready } from "#harness/lib/eventually.ts";
import { failure, objectAnswer } from "./fake-api-server.ts";
import { kube, only, server, useFakeServer } from "./fake-server-hooks.ts";
import { type KubeObject, kinds } from "./kube.ts";

useFakeServer();

/** Fields that the client library's types rename, convert or lack. */
const networkPolicy: KubeObject = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "only-clients", namespace: "shop", creationTimestamp: "2026-11-21T20:32:07Z" },
  spec: {
    podSelector: {},
    policyTypes: ["Ingress"],
    ingress: [{ from: [{ podSelector: { matchLabels: { role: "client" } } }], ports: [{ port: "http" }] }],
    egress: [{ to: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }] }],
  },
};
const crd: KubeObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "lattices.shop.example" },
  spec: {
    group: "shop.example",
    names: { kind: "Lattice", plural: "lattices" },
    scope: "Namespaced",
    versions: [
      {
        name: "v1",
        schema: {
          openAPIV3Schema: {
            type: "object",
            "x-kubernetes-preserve-unknown-fields": true,
            properties: {
              mode: { type: "string", enum: ["a", "b"], default: "a", not: { enum: ["c"] } },
              port: { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] },
              list: {
                type: "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "x-kubernetes-validations": [{ rule: "self.size() < 9", message: "few" }],
                items: { $ref: "#/definitions/x", type: "object" },
              },
            },
          },
        },
      },
    ],
  },
};
const event: KubeObject = {
  apiVersion: "v1",
  kind: "Event",
  metadata: { name: "e.1", namespace: "shop" },
  involvedObject: { kind: "Pod", name: "cart" },
  eventTime: "2026-11-21T20:32:07.916718Z",
  firstTimestamp: "2026-11-21T20:32:07Z",
  lastTimestamp: null,
  series: { count: 2, lastObservedTime: "2026-11-21T20:32:07.000001Z" },
};
const service: KubeObject = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "cart", namespace: "shop" },
  spec: {
    ports: [{ port: 80, targetPort: "http" }],
    trafficDistribution: "PreferSameNode",
    fieldOfNextYear: { deep: [1, "two", null, { three: 3.5 }] },
  },
};
const secret: KubeObject = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "blob", namespace: "shop" },
  data: { bytes: Buffer.from([0, 255, 128, 10]).toString("base64") },
};

const paths: readonly [string, KubeObject, string][] = [
  [
    "a NetworkPolicy with from",
    networkPolicy,
    "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/only-clients",
  ],
  [
    "a CRD with default and x-kubernetes-*",
    crd,
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/lattices.shop.example",
  ],
  ["an Event with micro time", event, "/api/v1/namespaces/shop/events/e.1"],
  ["a Service with an unknown field", service, "/api/v1/namespaces/shop/services/cart"],
  ["a Secret", secret, "/api/v1/namespaces/shop/secrets/blob"],
];

describe.each(paths)("%s", (_, object, path) => {
  const kind = Object.values(kinds).find((k) => k.kind === object.kind) as (typeof kinds)["service"];
  const { name, namespace } = object.metadata;

  test("arrives unchanged through server-side apply", async () => {
    expect(await kube.apply(object)).toEqual(object);
    const request = only();
    expect(request).toMatchObject({
      method: "PATCH",
      path,
      query: { fieldManager: "meshproof", force: "true" },
      contentType: "application/apply-patch+yaml",
      user: "tester",
    });
    expect(JSON.parse(request.body)).toEqual(object);
  });

  test("is read unchanged, alone, in a list and in a watch", async () => {
    server.objects.set(path, JSON.stringify(object));
    expect(await kube.get(kind, namespace, name)).toEqual(object);
    expect(await kube.list(kind, namespace)).toEqual([object]);
    expect(await kube.list(kind)).toEqual([object]);
    server.objects.clear();
    const collection = path.slice(0, path.lastIndexOf("/"));
    const watched = kube.until(
      kind,
      namespace === undefined ? { name } : { namespace, name },
      ([found]) => (found === undefined ? notYet("none") : ready(found)),
      { what: "it", withinMs: 10_000, signal: AbortSignal.timeout(10_000) },
    );
    await expect.poll(() => server.watchers(collection)).toBe(1);
    server.emit(collection, "ADDED", object);
    expect(await watched).toEqual(object);
  });
});

describe("patch and delete", () => {
  test("a merge patch is sent unchanged", async () => {
    server.objects.set("/api/v1/namespaces/shop/services/cart", JSON.stringify(service));
    const patch = { metadata: { annotations: { a: null } }, spec: { newField: [{ from: 1 }] } };
    await kube.merge(kinds.service, "shop", "cart", patch);
    expect(only()).toMatchObject({
      method: "PATCH",
      path: "/api/v1/namespaces/shop/services/cart",
      query: { fieldManager: "meshproof" },
      contentType: "application/merge-patch+json",
    });
    expect(only().query.force).toBeUndefined();
    expect(JSON.parse(only().body)).toEqual(patch);
  });

  test("a delete has its grace period, and a missing object is no error", async () => {
    server.objects.set("/api/v1/namespaces/shop/pods/cart", "{}");
    await kube.remove(kinds.pod, "shop", "cart", 0);
    await kube.remove(kinds.pod, "shop", "cart");
    expect(server.received.map((r) => [r.method, r.query])).toEqual([
      ["DELETE", { gracePeriodSeconds: "0", propagationPolicy: "Background" }],
      ["DELETE", { propagationPolicy: "Background" }],
    ]);
  });

  test("the path of a cluster-scoped object has no namespace", async () => {
    expect(await kube.get(kinds.node, "shop", "n1")).toBeUndefined();
    expect(only().path).toBe("/api/v1/nodes/n1");
  });
});

describe("lists", () => {
  const pods = (count: number): KubeObject[] =>
    Array.from({ length: count }, (_, i) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: `p${i}`, namespace: "shop", uid: `u${i}` },
    }));
  const path = "/api/v1/namespaces/shop/pods";

  test("are read page by page", async () => {
    const all = pods(1201);
    for (const pod of all) server.objects.set(`${path}/${pod.metadata.name}`, JSON.stringify(pod));
    expect(await kube.list(kinds.pod, "shop", "app=cart,tier in (a, b)")).toEqual(all);
    expect(server.received.map((r) => r.query)).toEqual([
      { limit: "500", labelSelector: "app=cart,tier in (a, b)" },
      { limit: "500", continue: "500", labelSelector: "app=cart,tier in (a, b)" },
      { limit: "500", continue: "1000", labelSelector: "app=cart,tier in (a, b)" },
    ]);
  });

  test("whose snapshot expires between two pages are read again in one request", async () => {
    const all = pods(3);
    const page = { metadata: { resourceVersion: "5", continue: "token" }, items: all.slice(0, 1) };
    server.answer(`GET ${path}`, objectAnswer(page), failure(410, "expired"));
    for (const pod of all) server.objects.set(`${path}/${pod.metadata.name}`, JSON.stringify(pod));
    expect(await kube.list(kinds.pod, "shop")).toEqual(all);
    expect(server.received.map((r) => r.query)).toEqual([
      { limit: "500" },
      { limit: "500", continue: "token" },
      {},
    ]);
  });

  test("may be empty, also as null, as Go writes it", async () => {
    expect(await kube.list(kinds.pod, "shop")).toEqual([]);
    server.answer(`GET ${path}`, objectAnswer({ items: null, metadata: {} }));
    expect(await kube.list(kinds.pod, "shop")).toEqual([]);
  });
});
