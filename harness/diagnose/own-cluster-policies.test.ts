import { describe, expect, test } from "vitest";
import type { ClusterSnapshot, PolicyObject } from "#harness/model/mesh-snapshot.ts";
import { cartCluster, clusterLabel, labelled, localByDefault, shopPolicy } from "./example-carts.ts";
import { causesOf, east, meshWith, ok, service, west, withSettings } from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

const key = localByDefault;
const policy = shopPolicy;
const toPorts = [{ ports: [{ port: "8080", protocol: "TCP" }], rules: { http: [{ method: "GET" }] } }];
const fromClients = (selector: unknown = labelled("client"), more: Record<string, unknown> = {}) => ({
  endpointSelector: labelled("cart"),
  ingress: [{ fromEndpoints: [selector], toPorts }],
  ...more,
});

const mesh = (
  policies: readonly PolicyObject[],
  over: Partial<ClusterSnapshot> = {},
  ofWest: Partial<ClusterSnapshot> = {},
) =>
  meshWith(
    { ...cartCluster(east, 1), policyObjects: ok([...policies]), ...over },
    { ...cartCluster(west, 2), ...ofWest },
  );
const ids = (...of: Parameters<typeof mesh>): (string | undefined)[] =>
  causesOf(mesh(...of)).map((f) => f.id);

/** The patches of the first finding. */
function patchesOf(...of: Parameters<typeof mesh>): unknown[] {
  const [finding] = causesOf(mesh(...of));
  const commands = finding === undefined ? [] : remedyCommands(finding, ["east", "west"]);
  return commands.map((c) => JSON.parse(c.argv.at(-1) ?? ""));
}
const expression = { key: clusterLabel, operator: "In", values: ["east", "west"] };

describe("clients of another cluster", () => {
  test("are shut out of a global service by a selector without a cluster", () => {
    const found = causesOf(mesh([policy(fromClients())]));
    expect(found).toMatchObject([
      {
        id: "policy-own-cluster-only",
        severity: "suspect",
        cluster: "east",
        subject: "policy shop/from-clients of east",
        message:
          "CiliumNetworkPolicy shop/from-clients of east names no cluster in spec.ingress[0].fromEndpoints[0], so with policy-default-local-cluster it means pods of east only: pods of west with the labels that it lets in (shop/client-2) are shut out of east's backends of global service shop/cart, and their requests that are sent there are dropped",
      },
    ]);
    const [finding] = found;
    const [command] = finding === undefined ? [] : remedyCommands(finding, ["east", "west"]);
    expect(command?.argv.slice(0, -1)).toEqual([
      ...["kubectl", "-n", "shop", "patch", "ciliumnetworkpolicy/from-clients", "--type", "json", "-p"],
    ]);
    expect(patchesOf([policy(fromClients())])).toEqual([
      [{ op: "add", path: "/spec/ingress/0/fromEndpoints/0/matchExpressions", value: [expression] }],
    ]);
  });

  test("and by the entity cluster, whatever the default for selectors is", () => {
    const spec = { endpointSelector: labelled("cart"), ingress: [{ fromEntities: ["cluster"], toPorts }] };
    const open = { config: withSettings(east, { [key]: "false" }).config };
    for (const over of [{}, open])
      expect(causesOf(mesh([policy(spec)], over))).toMatchObject([
        {
          id: "policy-own-cluster-only",
          message: expect.stringMatching(
            /lets the entity "cluster" through in spec\.ingress\[0\]\.fromEntities, which means east only, .* pods of west \(shop\/client-2\) are shut out/,
          ),
        },
      ]);
    const value = { fromEndpoints: [{ matchExpressions: [expression] }], toPorts };
    expect(patchesOf([policy(spec)])).toEqual([[{ op: "add", path: "/spec/ingress/-", value }]]);
    // Another rule lets pods of west in, and other entities do not mean the own cluster.
    const named = policy(fromClients({ matchExpressions: [expression] }), { name: "named" });
    expect(ids([policy(spec), named])).toEqual([]);
    expect(ids([policy({ ...spec, ingress: [{ fromEntities: ["all"] }] })])).toEqual([]);
  });

  test("the patch is for the peer that matters, in whichever spec it is", () => {
    const second = {
      ...fromClients(),
      ingress: [
        { fromEndpoints: [labelled("other")] },
        {
          fromEndpoints: [
            labelled("other"),
            { matchExpressions: [{ key: "app", operator: "In", values: ["client"] }] },
          ],
        },
      ],
    };
    const specs = { specs: [{ endpointSelector: labelled("x"), ingress: [{}] }, second] };
    expect(patchesOf([policy({}, { ...specs, paths: ["specs[0]", "specs[1]"] })])).toEqual([
      [{ op: "add", path: "/specs/1/ingress/1/fromEndpoints/1/matchExpressions/-", value: expression }],
    ]);
  });

  test("by a clusterwide policy and by a NetworkPolicy of Kubernetes", () => {
    const wide = { kind: "CiliumClusterwideNetworkPolicy", namespace: "" } as const;
    expect(ids([policy(fromClients(), wide)])).toEqual(["policy-own-cluster-only"]);
    const spec = {
      podSelector: labelled("cart"),
      policyTypes: ["Ingress"],
      ingress: [{ from: [{ podSelector: labelled("client") }] }],
    };
    expect(patchesOf([policy(spec, { kind: "NetworkPolicy" })])).toEqual([
      [{ op: "add", path: "/spec/ingress/0/from/0/podSelector/matchExpressions", value: [expression] }],
    ]);
    const byNamespace = {
      ...spec,
      ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: "store" } } }] }],
    };
    expect(patchesOf([policy(byNamespace, { kind: "NetworkPolicy" })])).toEqual([
      [{ op: "add", path: "/spec/ingress/0/from/0/podSelector", value: { matchExpressions: [expression] } }],
    ]);
  });

  test("by the default of Cilium 1.19, unless the agents run with another value", () => {
    const unset = { config: east.config };
    expect(ids([policy(fromClients())], unset)).toEqual(["policy-own-cluster-only"]);
    expect(ids([policy(fromClients())], { ...unset, ciliumVersion: ok("1.18.6") })).toEqual([]);
    const startedWith = ok({ "cluster-id": "1", [key]: "false" });
    const started = east.agents.map((a) => ({ ...a, startedWith }));
    expect(ids([policy(fromClients())], { agents: started })).not.toContain("policy-own-cluster-only");
  });
});

describe("clients of another cluster are let in, or are not meant", () => {
  test.each([
    [
      "the policy names a cluster",
      [policy(fromClients({ matchLabels: { app: "client", [clusterLabel]: "west" } }))],
    ],
    [
      "it names one in another rule",
      [
        policy({
          ...fromClients(),
          ingress: [
            ...fromClients().ingress,
            { fromEndpoints: [{ matchExpressions: [{ key: `k8s:${clusterLabel}`, operator: "Exists" }] }] },
          ],
        }),
      ],
    ],
    ["no pod of west has the labels", [policy(fromClients(labelled("nobody")))]],
    ["it selects every pod of its namespace", [policy(fromClients({}))]],
    ["it selects no backend", [policy({ ...fromClients(), endpointSelector: labelled("other") })]],
    ["only pods of the service itself match", [policy(fromClients(labelled("cart")))]],
    [
      "another policy lets everybody in",
      [
        policy(fromClients()),
        policy({ endpointSelector: {}, ingress: [{ fromEntities: ["all"] }] }, { name: "open" }),
      ],
    ],
    ["it denies nothing", [policy(fromClients(undefined, { enableDefaultDeny: { ingress: false } }))]],
    [
      "it is about another port",
      [
        policy({
          ...fromClients(),
          ingress: [{ fromEndpoints: [labelled("client")], toPorts: [{ ports: [{ port: "9090" }] }] }],
        }),
      ],
    ],
  ])("%s", (_, policies) => {
    expect(ids(policies)).toEqual([]);
  });

  test("the setting or enforcement is off, or the service is not global", () => {
    const settings = (over: Record<string, string>) => ({ config: withSettings(east, over).config });
    expect(ids([policy(fromClients())], settings({ [key]: "false" }))).toEqual([]);
    expect(ids([policy(fromClients())], settings({ [key]: "true", "enable-policy": "never" }))).toEqual([]);
    const plain = { services: ok([service({ annotations: {} })]) };
    expect(ids([policy(fromClients())], plain, plain)).not.toContain("policy-own-cluster-only");
    expect(ids([policy(fromClients())], { ciliumEndpoints: ok([]) })).toEqual([]);
  });
});

test("backends of another cluster, which clients of the policy's cluster do not reach", () => {
  const spec = {
    endpointSelector: labelled("client"),
    egress: [{ toEndpoints: [labelled("cart")], toPorts }],
  };
  const [finding] = causesOf(mesh([policy(spec, { name: "to-cart" })]));
  expect(finding).toMatchObject({
    id: "policy-own-cluster-only",
    message: expect.stringContaining(
      "the pods of east that it is about (shop/client-1) do not reach the backends of west of global service shop/cart",
    ),
  });
  expect(patchesOf([policy(spec)])).toEqual([
    [{ op: "add", path: "/spec/egress/0/toEndpoints/0/matchExpressions", value: [expression] }],
  ]);
});

describe("a service that a policy lets through to", () => {
  const k8sService = { serviceName: "cart", namespace: "shop" };
  const toServices = (peer: unknown, more: Record<string, unknown> = {}) =>
    policy({ endpointSelector: labelled("client"), egress: [{ toServices: [peer], toPorts }], ...more });

  test("means its pods of the own cluster only", () => {
    const [finding] = causesOf(mesh([toServices({ k8sService })]));
    expect(finding).toMatchObject({
      id: "policy-own-cluster-only",
      severity: "suspect",
      message:
        "CiliumNetworkPolicy shop/from-clients of east lets through to services in spec.egress[0].toServices, where no cluster can be named, so with policy-default-local-cluster it means their pods of east only: the pods of east that it is about (shop/client-1) do not reach the backends of west of global service shop/cart, which have the labels that it allows, and their requests that are sent there are dropped",
    });
    const selector = {
      matchLabels: { app: "cart", "k8s:io.kubernetes.pod.namespace": "shop" },
      matchExpressions: [expression],
    };
    expect(patchesOf([toServices({ k8sService })])).toEqual([
      [{ op: "add", path: "/spec/egress/-", value: { toEndpoints: [selector], toPorts } }],
    ]);
  });

  test("by its name in any namespace, by its labels, and beside a rule that names a cluster", () => {
    expect(ids([toServices({ k8sService: { serviceName: "cart" } })])).toEqual(["policy-own-cluster-only"]);
    const named = { toEndpoints: [{ matchLabels: { app: "dns", [clusterLabel]: "east" } }] };
    const egress = [named, { toServices: [{ k8sService }] }];
    expect(ids([toServices(undefined, { egress })])).toEqual(["policy-own-cluster-only"]);
    const byLabels = (tier: string) => ({ k8sServiceSelector: { selector: { matchLabels: { tier } } } });
    const services = ok([service({ labels: { tier: "shop" } })]);
    expect(ids([toServices(byLabels("shop"))], { services })).toContain("policy-own-cluster-only");
    expect(ids([toServices(byLabels("other"))], { services })).not.toContain("policy-own-cluster-only");
    // Labels of services are not in all evidence.
    expect(ids([toServices(byLabels("shop"))])).toEqual([]);
  });

  test("or means them all, is another, or has no selector", () => {
    const config = withSettings(east, { [key]: "false" }).config;
    expect(ids([toServices({ k8sService })], { config })).toEqual([]);
    expect(ids([toServices({ k8sService: { ...k8sService, serviceName: "other" } })])).toEqual([]);
    const services = ok([service({ selector: {} })]);
    expect(ids([toServices({ k8sService })], { services })).not.toContain("policy-own-cluster-only");
    const egress = [
      { toServices: [{ k8sService }] },
      { toEndpoints: [{ matchLabels: { app: "cart" }, matchExpressions: [expression] }] },
    ];
    expect(ids([toServices(undefined, { egress })])).toEqual([]);
  });
});
