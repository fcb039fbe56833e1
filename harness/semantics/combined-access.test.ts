import { expect, test } from "vitest";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { openSelectors } from "./cluster-selectors.ts";
import { accessChange, verdictsOf } from "./combined-access.ts";
import { exampleCluster, examplePod, examplePolicy } from "./example-policies.ts";
import { type MeshPod, placedRules } from "./policy-clusters.ts";

const cart = examplePod("east", "cart");
const clients = [examplePod("west", "client"), examplePod("west", "other")];
const named = (policy: UserPolicy, name: string): UserPolicy => ({ ...policy, name });

/** The first open selector of the first policy of east, which selects from every cluster before and from its own after. */
function changeOf(
  policies: readonly UserPolicy[],
  { subjects = [cart], peers = clients, access = "lose" as "lose" | "gain", west = [] as UserPolicy[] } = {},
) {
  const [policy] = policies;
  const [spec] = policy?.specs ?? [];
  const [selector] = policy === undefined ? [] : openSelectors(policy);
  const [rule] = (spec === undefined ? [] : placedRules(spec)).filter((r) =>
    selector?.path.startsWith(`${r.path}.`),
  );
  if (rule === undefined) throw new Error("no rule");
  const at = (isLocal: boolean) =>
    verdictsOf([
      exampleCluster("east", { isLocal, policies }),
      exampleCluster("west", { isLocal: false, policies: west }),
    ]);
  const { changed, kept, why } = accessChange(at(false), at(true), { rule, access, subjects, peers });
  const titles = (pods: readonly MeshPod[]): string[] => pods.map((p) => p.title);
  return { changed: titles(changed), kept: titles(kept), why };
}

const toCart = { endpointSelector: { matchLabels: { app: "cart" } } };
const client = { matchLabels: { app: "client" } };
const inBoth = {
  ...client,
  matchExpressions: [{ key: "io.cilium.k8s.policy.cluster", operator: "In", values: ["east", "west"] }],
};
const [onlyClient] = clients.map((c) => [c]);
const peers = onlyClient ?? [];

test("what only the rule allows is lost", () => {
  const open = examplePolicy({ ...toCart, ingress: [{ fromEndpoints: [{}] }] });
  expect(changeOf([open])).toEqual({ changed: ["shop/client", "shop/other"], kept: [], why: [] });
});

test("what another policy allows too is not lost, and the policy is named", () => {
  const open = examplePolicy({ ...toCart, ingress: [{ fromEndpoints: [{}] }] });
  const both = named(examplePolicy({ ...toCart, ingress: [{ fromEndpoints: [inBoth] }] }), "both");
  expect(changeOf([open, both])).toEqual({
    changed: ["shop/other"],
    kept: ["shop/client"],
    why: ["east/shop/both allows it"],
  });
});

test("what another policy allows at one port only, or by rules of a proxy, is lost", () => {
  const open = examplePolicy({ ...toCart, ingress: [{ fromEndpoints: [client] }] });
  const at = (port: string, rules = {}): UserPolicy =>
    named(
      examplePolicy({
        ...toCart,
        ingress: [{ fromEndpoints: [inBoth], toPorts: [{ ports: [{ port }], ...rules }] }],
      }),
      "both",
    );
  // It declares 8080.
  expect(changeOf([open, at("8080")], { peers }).changed).toEqual([]);
  expect(changeOf([open, at("8443")], { peers }).changed).toEqual(["shop/client"]);
  expect(changeOf([open, at("8080", { rules: { http: [{}] } })], { peers }).changed).toEqual(["shop/client"]);
  const bare = [{ ...cart, ports: [] }];
  expect(changeOf([open, at("8080")], { peers, subjects: bare }).changed).toEqual(["shop/client"]);
});

test("a denial that ends opens nothing where nothing allows, and a port where something does", () => {
  const denies = { ...toCart, ingressDeny: [{ fromEndpoints: [client] }] };
  const nobody = [{ fromEndpoints: [{ matchLabels: { app: "nobody" } }] }];
  const gain = { peers, access: "gain" as const };
  expect(changeOf([examplePolicy({ ...denies, ingress: nobody })], gain)).toEqual({
    changed: [],
    kept: ["shop/client"],
    why: ["nothing allows its ingress"],
  });
  const open = examplePolicy({ ...denies, ingress: [{ fromEntities: ["all"] }] });
  expect(changeOf([open], gain).changed).toEqual(["shop/client"]);
  // The client's own cluster lets it out at that port alone.
  const egress = [
    { toEndpoints: [inBoth, { matchLabels: { app: "cart", "io.cilium.k8s.policy.cluster": "east" } }] },
  ];
  const west = [
    examplePolicy({
      endpointSelector: client,
      egress: egress.map((e) => ({ ...e, toPorts: [{ ports: [{ port: "8200" }] }] })),
    }),
  ];
  expect(changeOf([open], { ...gain, west, subjects: [{ ...cart, ports: [] }] }).changed).toEqual([
    "shop/client",
  ]);
});

test("what the other cluster denies is not lost", () => {
  const open = examplePolicy({
    endpointSelector: { matchLabels: { app: "cart" } },
    egress: [{ toEndpoints: [client] }],
  });
  const west = [examplePolicy({ endpointSelector: client, ingressDeny: [{ fromEntities: ["all"] }] })];
  expect(changeOf([open], { peers, west })).toMatchObject({ changed: [], why: ["west/shop/cart denies it"] });
  expect(changeOf([open], { peers }).changed).toEqual(["shop/client"]);
});
