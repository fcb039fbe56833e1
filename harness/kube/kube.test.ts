import { expect, test } from "vitest";
import { objectAnswer } from "./fake-api-server.ts";
import { kube, only, server, useFakeServer } from "./fake-server-hooks.ts";

useFakeServer();

test("permissions are requested from the API server", async () => {
  const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  server.answer(`POST ${path}`, objectAnswer({ status: { allowed: true } }), objectAnswer({ status: {} }));
  const right = { verb: "create", group: "", resource: "pods", subresource: "exec" };
  expect(await kube.can(right)).toBe(true);
  expect(await kube.can(right)).toBe(false);
  expect(JSON.parse(server.received[0]?.body ?? "")).toEqual({
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes: right },
  });
});
test("the end of a log is kept", async () => {
  server.answer("GET /api/v1/namespaces/shop/pods/cart/log", { status: 200, body: "one\ntwo\nthree\n" });
  expect(await kube.logs("shop", "cart", "main", { limitBytes: 6, previous: true })).toBe("three\n");
  expect(only().query).toMatchObject({ container: "main", previous: "true", timestamps: "true" });
});
