import { describe, expect, test } from "vitest";
import { failure, fakeApiServer, objectAnswer } from "./fake-api-server.ts";
import { kube, only, server, useFakeServer } from "./fake-server-hooks.ts";
import { Kube, type KubeObject } from "./kube.ts";

useFakeServer();

const requests = (): string[] => server.received.map((r) => `${r.method} ${r.path}`);

describe("the path of an object", () => {
  const object = (apiVersion: string, kind: string, namespace?: string): KubeObject => ({
    apiVersion,
    kind,
    metadata: { name: "x", ...(namespace === undefined ? {} : { namespace }) },
  });
  const resource = (name: string, kind: string, namespaced = true, verbs = ["get", "patch"]) => ({
    name,
    kind,
    namespaced,
    verbs,
  });

  test("plural and scope of other kinds come from the API server", async () => {
    server.resources.set("/api/v1", [resource("endpoints", "Endpoints")]);
    server.resources.set("/apis/policy.example/v1", [
      resource("lattices/status", "Lattice"),
      resource("lattices/scale", "Scale"),
      resource("latticereviews", "Lattice", false, ["create"]),
      resource("lattices", "Lattice"),
      resource("proxies", "Proxy", false),
    ]);
    await kube.apply(object("v1", "Endpoints", "shop"));
    await kube.apply(object("policy.example/v1", "Lattice", "shop"));
    await kube.apply(object("policy.example/v1", "Proxy"));
    await kube.apply(object("policy.example/v1", "Proxy"));
    expect(requests()).toEqual([
      "GET /api/v1",
      "PATCH /api/v1/namespaces/shop/endpoints/x",
      "GET /apis/policy.example/v1",
      "PATCH /apis/policy.example/v1/namespaces/shop/lattices/x",
      "GET /apis/policy.example/v1",
      "PATCH /apis/policy.example/v1/proxies/x",
      "PATCH /apis/policy.example/v1/proxies/x",
    ]);
  });

  test("discovery waits for a kind whose definition was just applied", async () => {
    server.answer("GET /apis/new.example/v1", failure(404, "not found"), objectAnswer({ resources: [] }));
    server.resources.set("/apis/new.example/v1", [resource("news", "News")]);
    await kube.apply(object("new.example/v1", "News", "shop"));
    expect(requests().at(-1)).toBe("PATCH /apis/new.example/v1/namespaces/shop/news/x");
  });

  test("a kind that is not served is named, with a remedy", async () => {
    await expect(kube.apply(object("typo.example/v1", "Lattice"))).rejects.toMatchObject({
      code: "kube-request",
      message: "c1: apply Lattice x: the API server has no kind Lattice in typo.example/v1",
      remedy: expect.stringContaining("CustomResourceDefinition"),
    });
  });

  test("an object without a namespace goes to that of the context, or to default, and stays unchanged", async () => {
    await kube.apply(object("v1", "ConfigMap"));
    expect(JSON.parse(only().body)).toEqual(object("v1", "ConfigMap"));
    expect(only().path).toBe("/api/v1/namespaces/default/configmaps/x");
    await using other = await fakeApiServer({ namespace: "mine" });
    await new Kube("c2", other.kubeconfig).apply(object("v1", "ConfigMap"));
    expect(other.received[0]?.path).toBe("/api/v1/namespaces/mine/configmaps/x");
  });

  test("the case of a name is kept, and no name changes the path", async () => {
    server.resources.set("/apis/rbac.authorization.k8s.io/v1", [
      resource("clusterroles", "ClusterRole", false),
    ]);
    const role = object("rbac.authorization.k8s.io/v1", "ClusterRole");
    await kube.apply({ ...role, metadata: { name: "system:Mixed/Case" } });
    expect(server.received.at(-1)?.path).toBe(
      "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3AMixed%2FCase",
    );
  });

  test("characters that YAML and JSON read differently are escaped", async () => {
    const odd = {
      ...object("v1", "ConfigMap", "shop"),
      data: { text: 'del\u007f next\u0085 line\u2028 mark\ufeff é 漢 😀 \\ " \t\n' },
    };
    await kube.apply(odd);
    expect(only().body).not.toMatch(/[\u007f-\u009f\u2028\u2029\ufeff]/);
    expect(only().body).toContain("é 漢 😀");
    expect(JSON.parse(only().body)).toEqual(odd);
  });
});
