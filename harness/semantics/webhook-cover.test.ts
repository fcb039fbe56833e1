import { expect, test } from "vitest";
import type { WebhookState } from "#harness/model/api-objects.ts";
import { neededObjects } from "./webhook-cover.ts";

const webhook = (
  groups: readonly string[],
  resources: readonly string[],
  operations: readonly string[] = ["CREATE"],
): WebhookState => ({
  ...{ kind: "ValidatingWebhookConfiguration", configuration: "c", name: "a.b.c", failsClosed: true },
  rules: [{ groups, resources, operations }],
});

test.each([
  [webhook(["cilium.io"], ["ciliumendpoints", "ciliumendpoints/*"]), ["CiliumEndpoints"]],
  [webhook(["cilium.io"], ["*"]), ["CiliumEndpoints", "CiliumIdentities", "CiliumNodes"]],
  [webhook([""], ["pods/*", "services"], ["*"]), ["pods", "services"]],
  [webhook([""], ["pods"], ["CONNECT"]), []],
  [webhook([""], ["pods/exec", "*/scale", "ciliumendpoints"]), []],
  [webhook(["apps"], ["*"]), []],
  [webhook(["discovery.k8s.io", "apps"], ["endpointslices"], ["UPDATE"]), ["EndpointSlices"]],
])("%j covers %j", (of, expected) => {
  expect(neededObjects(of)).toEqual(expected);
});

test("one that covers everything covers all that the mesh needs", () => {
  expect(neededObjects(webhook(["*"], ["*/*"]))).toHaveLength(7);
});
