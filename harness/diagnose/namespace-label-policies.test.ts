import { describe, expect, test } from "vitest";
import type { PolicyObject } from "#harness/model/mesh-snapshot.ts";
import { cartCluster, clusterLabel, labelled, shopPolicy } from "./example-carts.ts";
import { causesOf, east, meshWith, ok, west, withSettings } from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

const always = "kubernetes.io/metadata.name=shop";
const anyCluster = [{ key: clusterLabel, operator: "Exists" }];
const team = "k8s:io.cilium.k8s.namespace.labels.team";
const selector = { matchLabels: { [team]: "store" }, matchExpressions: anyCluster };
const from = (peer: unknown) =>
  shopPolicy({ endpointSelector: labelled("cart"), ingress: [{ fromEndpoints: [peer] }] });

interface NamespaceLabels {
  readonly inEast?: readonly string[];
  readonly inWest?: readonly string[];
}
const mesh = (policy: PolicyObject, { inEast = ["team=store"], inWest = [] }: NamespaceLabels = {}) =>
  meshWith(
    { ...cartCluster(east, 1, { namespaceLabels: [always, ...inEast] }), policyObjects: ok([policy]) },
    cartCluster(west, 2, { namespaceLabels: [always, ...inWest] }),
  );
const ids = (...of: Parameters<typeof mesh>): (string | undefined)[] =>
  causesOf(mesh(...of)).map((f) => f.id);
const lacking = ["policy-namespace-label"];

describe("the namespace of another cluster lacks a label that a policy selects by", () => {
  test("and its pods are shut out; the label is the remedy", () => {
    const found = causesOf(mesh(from(selector)));
    expect(found).toMatchObject([
      {
        id: "policy-namespace-label",
        severity: "suspect",
        cluster: "east",
        subject: "policy shop/from-clients of east",
        message:
          "CiliumNetworkPolicy shop/from-clients of east selects by labels of namespaces in spec.ingress[0].fromEndpoints[0]: namespace shop has team=store in east, and lacks it in west, so pods of west (shop/client-2) are shut out of east's backends of global service shop/cart, and requests that are sent there are dropped",
      },
    ]);
    const commands = found.flatMap((f) => remedyCommands(f, ["east", "west"]));
    expect(commands.map(({ cluster, argv }) => [cluster, ...argv])).toEqual([
      ["west", "kubectl", "label", "namespace/shop", "team=store"],
    ]);
  });

  test("by an expression, by a NetworkPolicy of Kubernetes, and towards its backends", () => {
    const expressions = [...anyCluster, { key: team, operator: "In", values: ["store", "shop"] }];
    expect(ids(from({ matchExpressions: expressions }))).toEqual(lacking);
    const kubernetes = {
      podSelector: labelled("cart"),
      ingress: [
        {
          from: [
            {
              podSelector: { matchExpressions: anyCluster },
              namespaceSelector: { matchLabels: { team: "store" } },
            },
          ],
        },
      ],
    };
    expect(ids(shopPolicy(kubernetes, { kind: "NetworkPolicy" }))).toEqual(lacking);
    const egress = [{ toEndpoints: [selector] }];
    expect(ids(shopPolicy({ endpointSelector: labelled("client"), egress }))).toEqual(lacking);
  });
});

describe("nothing is lacking", () => {
  test("both have the label, neither has it, or the other has another value", () => {
    expect(ids(from(selector), { inWest: ["team=store"] })).toEqual([]);
    expect(ids(from(selector), { inEast: [] })).toEqual([]);
    expect(ids(from(selector), { inWest: ["team=bank"] })).toEqual([]);
  });

  test("the peer means the own cluster, or another rule lets them in", () => {
    expect(ids(from({ matchLabels: { [team]: "store" } }))).toEqual([]);
    const open = { fromEndpoints: [{ matchExpressions: anyCluster }] };
    const ingress = [{ fromEndpoints: [selector] }, open];
    expect(ids(shopPolicy({ endpointSelector: labelled("cart"), ingress }))).toEqual([]);
  });

  test("the clusters keep different labels in identities", () => {
    const { clusters } = mesh(from(selector));
    const [first, second] = clusters;
    const config = withSettings(west, { labels: "k8s:app" }).config;
    const found = causesOf({ clusters: [first ?? east, { ...(second ?? west), config }] });
    expect(found.map((f) => f.id)).not.toContain("policy-namespace-label");
  });
});
