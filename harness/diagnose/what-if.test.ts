import { join } from "node:path";
import { expect, test } from "vitest";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import { policiesOf } from "#harness/evidence/policy-objects.ts";
import { snapshotOf } from "#harness/evidence/snapshot.ts";
import type { WhatIfReport } from "#harness/model/what-if.ts";
import { blockBecomes, whatIf } from "./what-if.ts";
import { cilium, type Files, files, image, pod, policy } from "./what-if-examples.ts";

const listedDefects = await readKnownDefects(join(import.meta.dirname, "../../suites"));

const west = files("west", "true", {
  "pods.json": [pod("cart-1", { app: "cart" }), pod("other", { app: "x" })],
});

function ask(value: boolean, ...clusters: ReadonlyMap<string, string>[]): WhatIfReport {
  const names = ["east", "west"];
  const evidence = new Map(clusters.map((c, i) => [names[i] ?? `cluster ${i}`, c]));
  const policies = new Map([...evidence].map(([name, c]) => [name, policiesOf(c)]));
  return whatIf(snapshotOf(evidence), policies, {
    key: "policyDefaultLocalCluster",
    value,
    defects: listedDefects,
  });
}

/** The paths of changed selectors in east. */
const paths = (report: WhatIfReport): string[] => (report.clusters[0]?.changes ?? []).map((c) => c.path);
const ofPolicy = (object: unknown, kind = "ciliumnetworkpolicies", value = true): WhatIfReport =>
  ask(value, files("east", String(!value), { [`${kind}.json`]: [object] }), west);

test("a selector without a cluster loses the pods of other clusters that it selected", () => {
  const report = ofPolicy(cilium({ matchLabels: { app: "cart" } }));
  expect(report.unread).toEqual([]);
  expect(report.clusters[0]).toMatchObject({ cluster: "east", now: false, after: true });
  expect(report.clusters[0]?.changes).toEqual([
    {
      kind: "CiliumNetworkPolicy",
      namespace: "shop",
      name: "from",
      path: "spec.ingress[0].fromEndpoints[0]",
      direction: "ingress",
      verdict: "allow",
      now: "pods of every cluster",
      after: "pods of east only",
      remote: { access: "lose", count: 1, names: ["west/shop/cart-1"] },
      remedy:
        "add to spec.ingress[0].fromEndpoints[0].matchExpressions: {key: io.cilium.k8s.policy.cluster, operator: Exists}",
    },
  ]);
});

test("with the opposite value it gains them, and the remedy names the cluster", () => {
  const [change] = ofPolicy(cilium({}), undefined, false).clusters[0]?.changes ?? [];
  expect(change).toMatchObject({
    now: "pods of east only",
    after: "pods of every cluster",
    remote: { access: "gain", count: 2 },
    remedy: "add to spec.ingress[0].fromEndpoints[0].matchLabels: io.cilium.k8s.policy.cluster: east",
  });
});

test("selectors that name a cluster in any form, or reserved labels, keep their meaning", () => {
  const key = "io.cilium.k8s.policy.cluster";
  const report = ofPolicy(
    cilium(
      { matchLabels: { [key]: "west" } },
      { matchLabels: { [`k8s:${key}`]: "west" } },
      { matchLabels: { [`any:${key}`]: "west" } },
      { matchExpressions: [{ key, operator: "Exists" }] },
      { matchLabels: { "reserved:host": "" } },
      { matchLabels: { app: "cart" } },
    ),
  );
  expect(paths(report)).toEqual(["spec.ingress[0].fromEndpoints[5]"]);
});

test("every rule is read: specs, egress, deny rules, nodes; entities, CIDRs and subjects are not affected", () => {
  const report = ask(
    true,
    files("east", "false", {
      "ciliumclusterwidenetworkpolicies.json": [
        {
          metadata: { name: "wide" },
          specs: [
            {
              endpointSelector: {},
              ingress: [{ fromEntities: ["cluster"] }, { fromCIDR: ["10.0.0.0/8"] }, {}],
            },
            {
              endpointSelector: {},
              ingressDeny: [{ fromEndpoints: [{}] }],
              egress: [{ toNodes: [{}] }, { toFQDNs: [{ matchName: "a.example" }] }],
              egressDeny: [{ toEndpoints: [{}] }],
            },
          ],
        },
      ],
    }),
    west,
  );
  expect(paths(report)).toEqual([
    "specs[1].ingressDeny[0].fromEndpoints[0]",
    "specs[1].egress[0].toNodes[0]",
    "specs[1].egressDeny[0].toEndpoints[0]",
  ]);
  // A deny rule that selects fewer pods lets the others in.
  expect(report.clusters[0]?.changes[0]).toMatchObject({
    verdict: "deny",
    remote: { access: "gain", count: 2 },
  });
  expect(report.clusters[0]?.changes[1]?.remote?.incomplete).toContain("nodes");
});

test("in a NetworkPolicy only the pod selector can name a cluster", () => {
  const report = ofPolicy(
    policy("NetworkPolicy", "np", {
      podSelector: {},
      ingress: [
        {
          from: [
            { namespaceSelector: { matchLabels: { team: "red" } } },
            { namespaceSelector: { matchLabels: { "io.cilium.k8s.policy.cluster": "west" } } },
            { podSelector: { matchLabels: { "io.cilium.k8s.policy.cluster": "west" } } },
            { podSelector: { matchLabels: { app: "cart" } } },
          ],
        },
        {},
      ],
      egress: [{ to: [{ namespaceSelector: { matchLabels: { team: "blue" } } }] }],
    }),
    "networkpolicies",
  );
  expect(report.clusters[0]?.changes.map((c) => [c.path, c.remote?.count])).toEqual([
    ["spec.ingress[0].from[0]", 2],
    ["spec.ingress[0].from[1]", 0],
    ["spec.ingress[0].from[3]", 1],
    ["spec.egress[0].to[0]", 0],
  ]);
});

test("toServices of a service with a selector is affected, of one without it is not", () => {
  const service = (name: string, selector: unknown) => ({
    metadata: { name, namespace: "shop" },
    spec: { selector },
  });
  const to = (serviceName: string) => ({ toServices: [{ k8sService: { serviceName, namespace: "shop" } }] });
  const report = ask(
    true,
    files("east", "false", {
      "services.json": [service("carts", { app: "cart" }), service("addresses", {})],
      "ciliumnetworkpolicies.json": [
        policy("CiliumNetworkPolicy", "p", {
          endpointSelector: {},
          egress: [to("carts"), to("addresses"), to("unknown")],
        }),
      ],
    }),
    west,
  );
  expect(paths(report)).toEqual(["spec.egress[0].toServices[0]", "spec.egress[2].toServices[0]"]);
  expect(report.clusters[0]?.changes[0]?.remote).toEqual({
    access: "lose",
    count: 1,
    names: ["west/shop/cart-1"],
  });
  expect(report.clusters[0]?.changes[1]?.remote?.incomplete).toContain("was not found");
});

test("nothing changes where the value is already there; a missing key means false", () => {
  const object = { "ciliumnetworkpolicies.json": [cilium({})] };
  expect(ask(true, files("east", "true", object), west).clusters[0]).toMatchObject({
    now: true,
    changes: [],
  });
  const old = ask(true, files("east", undefined, object), west).clusters[0];
  expect(old).toMatchObject({ now: false, source: expect.stringContaining("has no") });
  expect(old?.changes).toHaveLength(1);
});

test("what could not be read is unread: configuration, a kind of policies, a sysdump's empty list is not", () => {
  const said = (over: Files): string[] =>
    ask(true, files("east", "false", over), west).unread.map((f) => f.message);
  expect(said({ "cilium-config.json": "could not be collected: refused" })).toEqual([
    expect.stringContaining("refused"),
  ]);
  expect(said({ "ciliumclusterwidenetworkpolicies.json": undefined })).toEqual([
    expect.stringContaining("CiliumClusterwideNetworkPolicy"),
  ]);
  expect(said({ "networkpolicies.json": "null" })).toEqual([]);
});

test("without the other cluster's files its identities are counted, or it is said that they are missing", () => {
  const agent = (labels: string[]) => ({
    "ciliumnetworkpolicies.json": [cilium({ matchLabels: { app: "cart" } })],
    "peers.json": { agents: { west: ["https://west"] }, kvstoreMesh: {} },
    "agent-n-status.json": "{}",
    "agent-n-identities.json": labels.length === 0 ? [] : [{ id: 133_000, labels }],
  });
  const own = (cluster: string) => [
    "k8s:app=cart",
    `k8s:io.cilium.k8s.policy.cluster=${cluster}`,
    "k8s:io.kubernetes.pod.namespace=shop",
  ];
  const seen = ask(true, files("east", "false", agent(own("west"))));
  expect(seen.clusters[0]?.changes[0]?.remote).toEqual({
    access: "lose",
    count: 1,
    names: ["west/shop (identity 133000)"],
  });
  expect(seen.unread).toEqual([]);
  const unseen = ask(true, files("east", "false", agent(own("east"))));
  expect(unseen.clusters[0]?.changes[0]?.remote).toMatchObject({
    count: 0,
    incomplete: expect.stringContaining("west"),
  });
  expect(unseen.unread).toHaveLength(1);
});

test("an ipBlock changes its meaning in the versions with a defect, and where the version is not known", () => {
  const block = policy("NetworkPolicy", "block", {
    podSelector: {},
    ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8" } }] }],
  });
  const defects = (over: Files) =>
    ask(
      true,
      files("east", "false", { "networkpolicies.json": [block], ...over }),
      west,
    ).clusters[0]?.changes.map((c) => [c.path, c.defect?.split(" ")[0]]);
  const path = "spec.ingress[0].from[0]";
  // One peer is one change, also where two defects are possible.
  expect(defects({})).toEqual([[path, "CVE-2026-56743"]]);
  expect(defects(image("v1.19.4"))).toEqual([[path, "CVE-2026-56743"]]);
  expect(defects(image("v1.18.11"))).toEqual([[path, "ipblock-refused"]]);
  expect(defects(image("v1.20.2"))).toEqual([]);
});

test("the answer has words for every defect of the list that the setting brings, with its versions", () => {
  const brought = listedDefects.filter((d) => d.when?.["policy-default-local-cluster"] === "true");
  expect(brought.map((d) => d.id).sort()).toEqual([...blockBecomes.keys()].sort());
  const block = policy("NetworkPolicy", "vpn", {
    podSelector: {},
    ingress: [{ from: [{ ipBlock: { cidr: "10.9.0.0/16" } }] }],
  });
  expect(ofPolicy(block, "networkpolicies").clusters[0]?.changes.map((c) => c.defect)).toEqual([
    "CVE-2026-56743 (Cilium 1.19.0 to 1.19.4; fixed in 1.19.5 and 1.20.0); or ipblock-refused (Cilium 1.18.0 to 1.18.11; fixed in 1.19.5 and 1.20.0)",
  ]);
});

test("a ClusterNetworkPolicy is unread by name", () => {
  const report = ask(
    true,
    files("east", "false", { "clusternetworkpolicies.json": [{ metadata: { name: "all" }, spec: {} }] }),
    west,
  );
  expect(report.unread.map((f) => f.subject)).toEqual(["ClusterNetworkPolicy all of east"]);
});

test("a namespace label in a NetworkPolicy's podSelector does not count: Cilium sets its own", () => {
  const object = policy("NetworkPolicy", "from", {
    podSelector: {},
    ingress: [
      { from: [{ podSelector: { matchLabels: { "io.kubernetes.pod.namespace": "other", app: "cart" } } }] },
    ],
  });
  expect(ofPolicy(object, "networkpolicies").clusters[0]?.changes[0]?.remote?.names).toEqual([
    "west/shop/cart-1",
  ]);
});

test("without the key the agent's own default counts, true since 1.19", () => {
  expect(ask(false, files("east", undefined)).clusters[0]).toMatchObject({ now: false });
});

test("a policy that this version of Cilium refuses is no change, and is named with the reason", () => {
  const object = cilium({ matchLabels: { $host: "" } }, { matchLabels: { app: "cart" } });
  const answer = (tag: string) =>
    ask(true, files("east", "false", { ...image(tag), "ciliumnetworkpolicies.json": [object] }), west)
      .clusters[0];
  expect(answer("v1.19.7")?.changes.map((c) => c.path)).toEqual(["spec.ingress[0].fromEndpoints[1]"]);
  expect(answer("v1.20.2")).toMatchObject({
    changes: [],
    withoutEffect: [
      expect.stringMatching(/^CiliumNetworkPolicy shop\/from: Cilium refuses it: Cilium 1\.20/),
    ],
  });
});

test("without the host firewall a nodeSelector has no effect, and the answer says so", () => {
  const spec = { nodeSelector: {}, ingress: [{ fromEndpoints: [{ matchLabels: { app: "cart" } }] }] };
  const wide = (hostFirewall: string) =>
    ask(
      true,
      files("east", "false", {
        "cilium-config.json": {
          "cluster-name": "east",
          "policy-default-local-cluster": "false",
          "enable-host-firewall": hostFirewall,
        },
        "ciliumclusterwidenetworkpolicies.json": [
          {
            metadata: { name: "nodes" },
            specs: [spec, { endpointSelector: {}, ingress: [{ fromEndpoints: [{}] }] }],
          },
        ],
      }),
      west,
    );
  const [on, off] = [wide("true"), wide("false")];
  expect(paths(on)).toEqual(["specs[0].ingress[0].fromEndpoints[0]", "specs[1].ingress[0].fromEndpoints[0]"]);
  expect(on.clusters[0]?.changes[0]?.remote).toMatchObject({ count: 1, names: ["west/shop/cart-1"] });
  expect(on.clusters[0]?.withoutEffect).toBeUndefined();
  expect(paths(off)).toEqual(["specs[1].ingress[0].fromEndpoints[0]"]);
  expect(off.clusters[0]?.withoutEffect).toEqual([
    "CiliumClusterwideNetworkPolicy nodes: without enable-host-firewall a nodeSelector selects nothing",
  ]);
});

test("Cilium writes its cluster's name over an empty label of a NetworkPolicy, and no other kind's", () => {
  const empty = { matchLabels: { "io.cilium.k8s.policy.cluster": "", app: "cart" } };
  const np = policy("NetworkPolicy", "np", {
    podSelector: {},
    ingress: [
      { from: [{ podSelector: empty }] },
      {
        from: [
          {
            podSelector: {
              ...empty,
              matchExpressions: [{ key: "io.cilium.k8s.policy.cluster", operator: "Exists" }],
            },
          },
        ],
      },
    ],
  });
  const change = (value: boolean) => ofPolicy(np, "networkpolicies", value).clusters[0]?.changes;
  expect(change(true)).toEqual([
    {
      kind: "NetworkPolicy",
      namespace: "shop",
      name: "np",
      path: "spec.ingress[0].from[0]",
      direction: "ingress",
      verdict: "allow",
      now: "no pods: no cluster has an empty name",
      after: "pods of east only",
      remedy:
        "add to spec.ingress[0].from[0].podSelector.matchExpressions: {key: io.cilium.k8s.policy.cluster, operator: Exists}",
    },
  ]);
  expect(change(false)).toMatchObject([
    {
      now: "pods of east only",
      after: "no pods: no cluster has an empty name",
      remedy: "write in spec.ingress[0].from[0].podSelector.matchLabels: io.cilium.k8s.policy.cluster: east",
    },
  ]);
  expect(paths(ofPolicy(cilium(empty)))).toEqual([]);
});
