import { describe, expect, test } from "vitest";
import type { ClusterSnapshot, PolicyObject } from "#harness/model/mesh-snapshot.ts";
import { cartCluster, clusterLabel, labelled, shopPolicy } from "./example-carts.ts";
import { causesOf, east, meshWith, ok, service, west } from "./healthy-mesh.ts";

const apps = ["cart", "client", "other"];
const toPorts = [{ ports: [{ port: "8080", protocol: "TCP" }] }];
const foreign = { matchExpressions: [{ key: clusterLabel, operator: "NotIn", values: ["east"] }] };
const ofWest = (app: string) => ({ matchLabels: { app, [clusterLabel]: "west" } });

const allow = (fromEndpoints: readonly unknown[] = [ofWest("client")]) =>
  shopPolicy({ endpointSelector: labelled("cart"), ingress: [{ fromEndpoints, toPorts }] });
const deny = (
  rule: Record<string, unknown> = { fromEndpoints: [foreign] },
  over: Partial<PolicyObject> = {},
) => shopPolicy({ endpointSelector: labelled("cart"), ingressDeny: [rule] }, { name: "no-foreign", ...over });

function found(
  policies: readonly PolicyObject[],
  { over = {}, westApps = apps }: { over?: Partial<ClusterSnapshot>; westApps?: readonly string[] } = {},
) {
  const inEast = { ...cartCluster(east, 1, { apps }), policyObjects: ok([...policies]), ...over };
  return causesOf(meshWith(inEast, { ...cartCluster(west, 2, { apps: westApps }), ...over }));
}
const ids = (...of: Parameters<typeof found>): (string | undefined)[] => found(...of).map((f) => f.id);
const denied = ["policy-denies-other-cluster"];

describe("a denial takes all that a policy allows to another cluster", () => {
  test("and is named with both policies", () => {
    expect(found([allow(), deny()])).toMatchObject([
      {
        id: "policy-denies-other-cluster",
        severity: "suspect",
        cluster: "east",
        subject: "policy shop/no-foreign of east",
        message:
          "CiliumNetworkPolicy shop/no-foreign of east denies pods of west (shop/client-2) what CiliumNetworkPolicy shop/from-clients allows them, and a denial goes before it: none of them reaches east's backends of global service shop/cart, and their requests that are sent there are dropped",
        next: expect.stringContaining("leave them out of ingressDeny: kubectl -n shop get"),
      },
    ]);
  });

  test("in the same policy, clusterwide, or by the name of the cluster", () => {
    const { specs } = allow();
    const both = shopPolicy({ ...specs[0], ingressDeny: [{ fromEndpoints: [foreign] }] });
    expect(ids([both])).toEqual(denied);
    const wide = { kind: "CiliumClusterwideNetworkPolicy", namespace: "" } as const;
    expect(ids([allow(), deny(undefined, wide)])).toEqual(denied);
    const named = { fromEndpoints: [{ matchLabels: { [clusterLabel]: "west" } }], toPorts };
    expect(ids([allow(), deny(named)])).toEqual(denied);
  });

  test("towards its backends", () => {
    const spec = {
      endpointSelector: labelled("client"),
      egress: [{ toEndpoints: [ofWest("cart")] }],
      egressDeny: [{ toEndpoints: [{ matchLabels: { [clusterLabel]: "west" } }] }],
    };
    expect(found([shopPolicy(spec)])).toMatchObject([
      {
        id: "policy-denies-other-cluster",
        message: expect.stringMatching(
          /denies pods of east \(shop\/client-1\) .* none of them reaches the backends of west of global service/,
        ),
      },
    ]);
  });

  test("and what is allowed to everybody, where they have no other backend", () => {
    const open = shopPolicy({ endpointSelector: labelled("cart"), ingress: [{ fromEntities: ["all"] }] });
    expect(ids([open, deny()])).toEqual([]);
    expect(found([open, deny()], { westApps: ["client", "other"] })).toContainEqual(
      expect.objectContaining({
        id: "policy-denies-other-cluster",
        message: expect.stringMatching(/west has no ready backend of its own$/),
      }),
    );
  });
});

describe("something remains, or nothing was allowed", () => {
  test.each([
    ["the denial is about other pods", [allow(), deny({ fromEndpoints: [ofWest("nobody")] })]],
    [
      "about another port",
      [allow(), deny({ fromEndpoints: [foreign], toPorts: [{ ports: [{ port: "1" }] }] })],
    ],
    [
      "about some of those who are let in",
      [allow([ofWest("client"), ofWest("other")]), deny({ fromEndpoints: [ofWest("other")] })],
    ],
    ["about the own cluster", [allow(), deny({ fromEndpoints: [labelled("client")] })]],
    [
      "no other cluster is let in",
      [allow([{ matchLabels: { app: "client", [clusterLabel]: "east" } }]), deny()],
    ],
    ["nobody is let in", [deny()]],
    ["there is no denial", [allow()]],
  ])("%s", (_, policies) => {
    expect(ids(policies)).toEqual([]);
  });

  test("the service is not global", () => {
    const plain = { services: ok([service({ annotations: {} })]) };
    expect(ids([allow(), deny()], { over: plain })).not.toContain("policy-denies-other-cluster");
  });
});
