import { describe, expect, test } from "vitest";
import { failure, objectAnswer } from "./fake-api-server.ts";
import { kube, server, useFakeServer } from "./fake-server-hooks.ts";
import { Kube, kinds } from "./kube.ts";

useFakeServer();

describe("errors", () => {
  const path = "/api/v1/namespaces/shop/pods/cart";
  const get = () => kube.get(kinds.pod, "shop", "cart");

  test.each([403, 409, 422])("HTTP %i is told at once", async (code) => {
    server.answer(`GET ${path}`, failure(code, "no, because"));
    await expect(get()).rejects.toMatchObject({
      code: "kube-request",
      message: `c1: get Pod cart: HTTP ${code}: no, because`,
    });
    expect(server.received).toHaveLength(1);
  });

  test.each([429, 500, 503])("HTTP %i is tried again", async (code) => {
    server.answer(
      `GET ${path}`,
      failure(code, "later"),
      failure(code, "later"),
      objectAnswer({ kind: "Pod" }),
    );
    expect(await get()).toEqual({ kind: "Pod" });
    expect(server.received).toHaveLength(3);
  });

  test("what does not pass is told in the API server's words", async () => {
    server.answer(`GET ${path}`, ...Array.from({ length: 5 }, () => ({ status: 503, body: "no etcd\n" })));
    await expect(get()).rejects.toThrow("c1: get Pod cart: HTTP 503: no etcd");
    expect(server.received).toHaveLength(5);
  });

  test("an answer that is no JSON is told as what it is", async () => {
    server.answer(`GET ${path}`, ...Array.from({ length: 5 }, () => ({ status: 200, body: "<html>log in" })));
    await expect(get()).rejects.toThrow("was not answered in JSON: <html>log in");
  });

  test("an API server that is away is asked again, briefly", async () => {
    await server[Symbol.asyncDispose]();
    await expect(get()).rejects.toMatchObject({ code: "kube-request", message: /^c1: get Pod cart: / });
  });

  test("a context that is not there is refused at once", () => {
    expect(() => new Kube("c1", server.kubeconfig, "nowhere")).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining("no context nowhere") }),
    );
  });
});
