import { describe, expect, test } from "vitest";
import { failure, objectAnswer } from "./fake-api-server.ts";
import { kube, server, useFakeServer } from "./fake-server-hooks.ts";
import { Kube, kinds } from "./kube.ts";

useFakeServer();

describe("errors", () => {
  const path = "/api/v1/namespaces/shop/pods/cart";
  const get = () => kube.get(kinds.pod, "shop", "cart");

  test.each([403, 409, 422])("HTTP %i is reported at once", async (code) => {
    server.answer(`GET ${path}`, failure(code, "no, because"));
    await expect(get()).rejects.toMatchObject({
      code: "kube-request",
      message: `c1: get Pod cart: HTTP ${code}: no, because`,
    });
    expect(server.received).toHaveLength(1);
  });

  test.each([429, 500, 503])("HTTP %i is retried", async (code) => {
    server.answer(
      `GET ${path}`,
      failure(code, "later"),
      failure(code, "later"),
      objectAnswer({ kind: "Pod" }),
    );
    expect(await get()).toEqual({ kind: "Pod" });
    expect(server.received).toHaveLength(3);
  });

  test("a persistent failure is reported with the API server's message", async () => {
    server.answer(`GET ${path}`, ...Array.from({ length: 5 }, () => ({ status: 503, body: "no etcd\n" })));
    await expect(get()).rejects.toThrow("c1: get Pod cart: HTTP 503: no etcd");
    expect(server.received).toHaveLength(5);
  });

  test("an answer that is not JSON is quoted in the error", async () => {
    server.answer(`GET ${path}`, ...Array.from({ length: 5 }, () => ({ status: 200, body: "<html>log in" })));
    await expect(get()).rejects.toThrow("gave an answer that is not JSON: <html>log in");
  });

  test("a request to an unavailable API server is retried briefly", async () => {
    await server[Symbol.asyncDispose]();
    await expect(get()).rejects.toMatchObject({ code: "kube-request", message: /^c1: get Pod cart: / });
  });

  test("a missing context is refused at once", () => {
    expect(() => new Kube("c1", server.kubeconfig, "nowhere")).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining("no context nowhere") }),
    );
  });
});
