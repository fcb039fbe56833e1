import { expect, test } from "vitest";
import { collectionPath, kinds } from "./kinds.ts";

test("a kind of the whole cluster has no namespace in its path", () => {
  for (const kind of [
    "ciliumClusterwideNetworkPolicy",
    "ciliumNode",
    "ciliumIdentity",
    "node",
    "crd",
  ] as const)
    expect(collectionPath(kinds[kind], "shop")).not.toContain("namespaces/");
  expect(collectionPath(kinds.ciliumNetworkPolicy, "shop")).toBe(
    "/apis/cilium.io/v2/namespaces/shop/ciliumnetworkpolicies",
  );
});
