import { describe, expect, test } from "vitest";
import type { ClusterSnapshot, PolicyObject } from "#harness/model/mesh-snapshot.ts";
import { causesOf, east, meshWith, ok, pod, west, withSettings } from "./healthy-mesh.ts";
import { diagnose } from "./index.ts";
import { remedyCommands } from "./remedy-commands.ts";

const clusterLabel = "io.cilium.k8s.policy.cluster";

/** Pods shop/cart and shop/client; identities lack the labels `lacks`. */
function cluster(of: ClusterSnapshot, id: number, lacks: readonly string[] = []): Partial<ClusterSnapshot> {
  const apps = ["cart", "client"].map((app, i) => ({
    ...{ app, name: `${app}-${id}`, ip: `10.${id}.0.${5 + i}`, identity: id * 65536 + 300 + i },
  }));
  const others = of.pods.ok ? of.pods.value.filter((p) => p.namespace !== "shop") : [];
  return {
    pods: ok([
      ...apps.map(({ app, name, ip }) => pod({ name, ip, node: `node-${id}`, labels: { app } })),
      ...others,
    ]),
    ciliumEndpoints: ok(apps.map(({ name, ip, identity }) => ({ namespace: "shop", name, ip, identity }))),
    ciliumIdentities: ok(
      apps.map(({ app, identity }) => ({
        id: identity,
        labels: [
          ...(lacks.includes("app") ? [] : [`k8s:app=${app}`]),
          `k8s:${clusterLabel}=${of.name}`,
          "k8s:io.kubernetes.pod.namespace=shop",
        ],
      })),
    ),
  };
}

const policy = (ingress: readonly object[]): PolicyObject => ({
  ...{ kind: "CiliumNetworkPolicy" as const, namespace: "shop", name: "to-cart", paths: ["spec"] },
  specs: [{ endpointSelector: { matchLabels: { app: "cart" } }, ingress }],
});
const mesh = (ingress: readonly object[], ofWest: Partial<ClusterSnapshot> = {}) =>
  meshWith({ ...cluster(east, 1), policyObjects: ok([policy(ingress)]) }, { ...cluster(west, 2), ...ofWest });
const policyFindings = (...of: Parameters<typeof mesh>) =>
  causesOf(mesh(...of)).filter((f) => f.layer === "policies");

test("clients of another cluster that a CIDR of its pods should let in", () => {
  // Nodes have a /24 each, of which the cluster's range is not known.
  for (const cidr of ["10.2.0.0/24", "10.2.0.0/16", "10.2.0.6/32"]) {
    const [finding, ...others] = policyFindings([{ fromCIDR: [cidr] }]);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      ...{ id: "policy-cidr-of-pods", severity: "broken", cluster: "east" },
      subject: "policy shop/to-cart of east",
    });
    expect(finding?.message).toContain(`fromCIDR ${cidr} in spec.ingress[0] means the pods of west`);
    expect(finding?.message).toMatch(/pods of west \(.*shop\/client-2\) are denied at shop\/cart-1 of east$/);
    const commands = finding === undefined ? [] : remedyCommands(finding, ["east", "west"]);
    expect(commands.map((c) => c.argv.slice(0, 7))).toEqual([
      ["kubectl", "-n", "shop", "patch", "ciliumnetworkpolicy/to-cart", "--type", "json"],
    ]);
  }
  expect(policyFindings([{ fromCIDR: ["10.0.0.0/8", "10.3.0.0/16"] }])).toEqual([]);
});

describe("a policy that agents refuse", () => {
  const commandsOf = (rules: readonly object[]): string[] => {
    const [finding] = policyFindings(rules);
    return finding === undefined ? [] : remedyCommands(finding, ["east", "west"]).map((c) => c.text);
  };
  const edit = "kubectl -n shop edit ciliumnetworkpolicy/to-cart";

  test("because of a setting gets the setting, or is written otherwise", () => {
    const rules = [{ fromNodes: [{ matchLabels: { role: "edge" } }] }];
    expect(policyFindings(rules)).toMatchObject([
      {
        ...{ id: "policy-refused", severity: "broken", cluster: "east" },
        message: expect.stringContaining("CiliumNetworkPolicy shop/to-cart of east: has no effect"),
      },
    ]);
    expect(commandsOf(rules)).toEqual([
      "helm -n kube-system upgrade cilium cilium/cilium --version 1.19.4 --reuse-values --set nodeSelectorLabels=true",
      "kubectl -n kube-system rollout restart daemonset/cilium",
      edit,
    ]);
  });

  test("because of their version is written as it takes it, or deleted", () => {
    const rules = [{ fromRequires: [{ matchLabels: { app: "client" } }] }];
    expect(commandsOf(rules)).toEqual([edit, "kubectl -n shop delete ciliumnetworkpolicy/to-cart"]);
  });
});

describe("CiliumCIDRGroups", () => {
  const rules = [{ fromCIDRSet: [{ cidrGroupRef: "office" }] }];
  const found = (groups: ClusterSnapshot["cidrGroups"], settings: Readonly<Record<string, string>> = {}) => {
    const [of, ...others] = mesh(rules).clusters;
    const changed = withSettings(
      { ...(of ?? east), ...(groups === undefined ? {} : { cidrGroups: groups }) },
      settings,
    );
    return diagnose({ clusters: [changed, ...others] }, []).filter(
      (f) => f.id?.startsWith("policy-") === true || f.subject.startsWith("policy "),
    );
  };
  const group = (...cidrs: readonly string[]) => ok([{ name: "office", labels: {}, cidrs: [...cidrs] }]);

  test("of pods select none of them, like their CIDR", () => {
    expect(found(group("192.0.2.0/24"))).toEqual([]);
    expect(found(group("192.0.2.0/24", "10.2.0.0/24"))).toMatchObject([
      {
        ...{ id: "policy-cidr-of-pods", severity: "broken" },
        message: expect.stringContaining(
          "fromCIDRSet 10.2.0.0/24 (of CiliumCIDRGroup office) in spec.ingress[0]",
        ),
      },
    ]);
  });

  test("that do not exist are named", () => {
    expect(found(ok([]))).toMatchObject([
      {
        ...{ id: "policy-cidr-group-missing", severity: "suspect", cluster: "east" },
        subject: "policy shop/to-cart of east",
        next: expect.stringContaining("create the group"),
      },
    ]);
    expect(found(ok([]), { "enable-policy": "never" })).toEqual([]);
  });

  test("that were not read are not judged, and the finding says so", () => {
    for (const groups of [undefined, { ok: false, why: "not found", absent: true }] as const)
      expect(found(groups)).toMatchObject([
        {
          id: "unread",
          severity: "unread",
          message: expect.stringContaining("cidrGroupRef office in spec.ingress[0]"),
        },
      ]);
  });

  test("that do not exist let no other cluster in to clustermesh-apiserver", () => {
    const peers = {
      ...{ kind: "CiliumNetworkPolicy" as const, namespace: "kube-system", name: "peers", paths: ["spec"] },
      specs: [{ endpointSelector: { matchLabels: { "k8s-app": "clustermesh-apiserver" } }, ingress: rules }],
    };
    const ids = (groups: ReturnType<typeof group>) =>
      causesOf(meshWith({ policyObjects: ok([peers]), cidrGroups: groups })).map((f) => f.id);
    expect(ids(ok([]))).toContain("policy-shuts-off-apiserver");
    expect(ids(group("192.0.2.0/24"))).toEqual([]);
  });
});

test("a label that the filter of the other cluster leaves out", () => {
  const rules = [{ fromEndpoints: [{ matchLabels: { app: "client", [clusterLabel]: "west" } }] }];
  const filtered = {
    ...cluster(west, 2, ["app"]),
    config: withSettings(west, { labels: "k8s:tier" }).config,
  };
  expect(policyFindings(rules, filtered)).toMatchObject([
    {
      ...{ id: "policy-label-left-out", severity: "broken", cluster: "east" },
      message: expect.stringMatching(
        /selects by label app .* connections of pods of west \(shop\/client-2\) with shop\/cart-1 of east are denied/,
      ),
    },
  ]);
  expect(policyFindings(rules)).toEqual([]);
});

test("pods with hostNetwork that a rule means by their labels", () => {
  const rules = [{ fromEndpoints: [{ matchLabels: { app: "agent", [clusterLabel]: "west" } }] }];
  const agent = pod({ ...{ name: "agent-2", ip: "172.18.0.2", node: "node-2" }, labels: { app: "agent" } });
  const ofWest = cluster(west, 2);
  const pods = ofWest.pods?.ok === true ? ofWest.pods.value : [];
  const withAgent = (hostNetwork: boolean) => ({ ...ofWest, pods: ok([...pods, { ...agent, hostNetwork }]) });
  const [finding, ...others] = policyFindings(rules, withAgent(true));
  expect(others).toEqual([]);
  expect(finding).toMatchObject({
    ...{ id: "policy-host-network-pods", severity: "broken", cluster: "east" },
    subject: "policy shop/to-cart of east",
    message: expect.stringMatching(
      /pods of west in the network of their nodes \(shop\/agent-2\), .* they are denied at shop\/cart-1 of east$/,
    ),
  });
  const commands = finding === undefined ? [] : remedyCommands(finding, ["east", "west"]);
  expect(commands.map((c) => JSON.parse(c.argv.at(-1) ?? ""))).toEqual([
    [{ op: "add", path: "/spec/ingress/-", value: { fromEntities: ["remote-node"] } }],
  ]);
  expect(policyFindings(rules, withAgent(false))).toEqual([]);
  expect(policyFindings([...rules, { fromEntities: ["remote-node"] }], withAgent(true))).toEqual([]);
});

test("pods with hostNetwork that a label of their namespace decides on, which is known by other pods alone", () => {
  const key = "io.cilium.k8s.namespace.labels.team";
  const matchLabels = { app: "agent", [clusterLabel]: "west" };
  const rules = [{ fromEndpoints: [{ matchLabels, matchExpressions: [{ key, operator: "DoesNotExist" }] }] }];
  const agent = pod({ ...{ name: "agent-2", ip: "172.18.0.2", node: "node-2" }, labels: { app: "agent" } });
  const ofWest = cluster(west, 2);
  const pods = ofWest.pods?.ok === true ? ofWest.pods.value : [];
  const identities = ofWest.ciliumIdentities?.ok === true ? ofWest.ciliumIdentities.value : [];
  const shown = "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop";
  const found = (...labels: readonly string[]) =>
    policyFindings(rules, {
      ...ofWest,
      pods: ok([...pods, { ...agent, hostNetwork: true }]),
      ciliumIdentities: ok(identities.map((i) => ({ ...i, labels: [...i.labels, ...labels] }))),
    }).filter((f) => f.id === "policy-host-network-pods");
  expect(found()).toEqual([]);
  expect(found(shown)).toHaveLength(1);
});
