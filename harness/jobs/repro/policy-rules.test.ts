import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { policyRules } from "./policy-rules.ts";
import { readSource } from "./read-source.ts";

interface Side {
  readonly values?: object;
  readonly objects?: readonly object[];
}

/** Pods of alpha have addresses of 10.10.0.0/16, of beta 10.20.0.0/16. */
async function problemsOf(alpha: Side, beta: Side = {}): Promise<string[]> {
  const dir = tempFolder("policies");
  const files = Object.entries({ alpha, beta }).map(([name, { values = {}, objects = [] }], i) => {
    const own = {
      ...{ cluster: { name, id: i + 1 }, image: { tag: "v1.20.2" } },
      ipam: { operator: { clusterPoolIPv4PodCIDRList: [`10.${i + 1}0.0.0/16`] } },
      ...values,
    };
    const path = join(dir, `${name}.yaml`);
    writeFileSync(path, [own, ...objects].map((d) => toYaml(d)).join("---\n"));
    return path;
  });
  const clusters = await readSource(files);
  return policyRules(clusters).map((p) => `${p.cluster}: ${p.field}: ${p.inSource} [${p.matters}]`);
}

const workload = (app: string, replicas = 1): object => ({
  ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: app, namespace: "shop" } },
  spec: {
    replicas,
    selector: { matchLabels: { app } },
    template: {
      metadata: { labels: { app } },
      spec: { containers: [{ name: app, image: "a", ports: [{ containerPort: 8080 }] }] },
    },
  },
});
const policy = (ingress: readonly object[]): object => ({
  ...{ apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy" },
  metadata: { name: "to-api", namespace: "shop" },
  spec: { endpointSelector: { matchLabels: { app: "api" } }, ingress },
});
const api = workload("api", 2);
const batch = { objects: [workload("batch"), workload("idle", 0)] };

test("a CIDR of the other cluster's pods lets none of them in", async () => {
  const rule = policy([{ fromCIDRSet: [{ cidr: "10.20.0.0/16" }] }]);
  expect(await problemsOf({ objects: [api, rule] }, batch)).toEqual([
    "alpha: CiliumNetworkPolicy shop/to-api: fromCIDRSet 10.20.0.0/16 in spec.ingress[0] means the pods of beta and selects none of them, as pods have identities and CIDR rules apply to addresses without one: pods of beta (shop/batch) are denied at shop/api of alpha; select them by fromEndpoints with io.cilium.k8s.policy.cluster: beta [yes]",
  ]);
  // Without workloads nothing is known of what it does.
  expect((await problemsOf({ objects: [rule] })).join()).toMatch(/\[perhaps\]$/);
  expect(
    await problemsOf({ objects: [api, rule], values: { policyCIDRMatchMode: ["pods"] } }, batch),
  ).toEqual([]);
  const wide = policy([{ fromCIDR: ["10.0.0.0/8"] }]);
  expect(await problemsOf({ objects: [api, wide] }, batch)).toEqual([]);
});

describe("a CiliumCIDRGroup", () => {
  const group = (name: string, ...externalCIDRs: readonly string[]): object => ({
    ...{ apiVersion: "cilium.io/v2", kind: "CiliumCIDRGroup", metadata: { name, labels: { site: name } } },
    spec: { externalCIDRs },
  });
  const ofGroup = policy([{ fromCIDRSet: [{ cidrGroupRef: "office" }] }]);
  const bySite = policy([{ fromCIDRSet: [{ cidrGroupSelector: { matchLabels: { site: "office" } } }] }]);

  test("that no file of the policy's cluster has is named, and one that is given is not", async () => {
    const given = group("office", "192.0.2.0/24");
    const line =
      "alpha: CiliumNetworkPolicy shop/to-api: cidrGroupRef office in spec.ingress[0].fromCIDRSet[0] means no CiliumCIDRGroup (the files hold none), so it lets nobody in by that; give the file that holds the group, create it, or correct its name in the policy [perhaps]";
    expect(await problemsOf({ objects: [api, ofGroup] })).toEqual([line]);
    // Groups are not shared in a mesh.
    expect(await problemsOf({ objects: [api, ofGroup] }, { objects: [given] })).toEqual([line]);
    expect(await problemsOf({ objects: [api, ofGroup, group("depot", "192.0.2.0/24")] })).toEqual([
      expect.stringContaining("(the files hold depot)"),
    ]);
    expect(await problemsOf({ objects: [api, ofGroup, given] })).toEqual([]);
    expect(await problemsOf({ objects: [api, bySite, given] })).toEqual([]);
    expect(await problemsOf({ objects: [api, ofGroup], values: { policyEnforcementMode: "never" } })).toEqual(
      [],
    );
  });

  test("of the other cluster's pods lets none of them in, like their CIDR", async () => {
    for (const rule of [ofGroup, bySite])
      expect(await problemsOf({ objects: [api, rule, group("office", "10.20.0.0/16")] }, batch)).toEqual([
        expect.stringMatching(
          /fromCIDRSet 10\.20\.0\.0\/16 \(of CiliumCIDRGroup office\) in spec\.ingress\[0\] means the pods of beta .*\[yes\]$/,
        ),
      ]);
  });
});

test("a range that is drawn around nodes counts only as a whole", async () => {
  const values = { ipam: { mode: "kubernetes" } };
  const node = (name: string, podCIDR: string): object => ({
    ...{ apiVersion: "v1", kind: "Node", metadata: { name }, spec: { podCIDR, podCIDRs: [podCIDR] } },
    status: { addresses: [{ type: "InternalIP", address: "192.0.2.7" }] },
  });
  const beta = {
    values,
    objects: [workload("batch"), node("w1", "10.20.0.0/24"), node("w2", "10.20.1.0/24")],
  };
  const problems = (cidr: string) => problemsOf({ objects: [api, policy([{ fromCIDR: [cidr] }])] }, beta);
  expect(await problems("10.20.0.0/16")).toEqual([expect.stringContaining("(shop/batch) are denied")]);
  expect(await problems("10.20.200.0/24")).toEqual([]);
});

test("fromNodes has no effect without nodeSelectorLabels", async () => {
  const rule = policy([{ fromNodes: [{ matchLabels: { role: "edge" } }] }]);
  const values = { kubeProxyReplacement: true };
  expect(await problemsOf({ objects: [api, rule], values })).toEqual([
    expect.stringMatching(
      /^alpha: CiliumNetworkPolicy shop\/to-api: has no effect: agents refuse it whole .*\[yes\]$/,
    ),
  ]);
  expect(await problemsOf({ objects: [api, rule], values: { ...values, nodeSelectorLabels: true } })).toEqual(
    [],
  );
});

test("a label that the other cluster leaves out of identities", async () => {
  const rule = policy([
    { fromEndpoints: [{ matchLabels: { app: "batch", "io.cilium.k8s.policy.cluster": "beta" } }] },
  ]);
  const beta = { ...batch, values: { labels: "k8s:tier" } };
  expect(await problemsOf({ objects: [api, rule] }, beta)).toEqual([
    expect.stringMatching(
      /^alpha: .* selects by label app in .* pods of beta \(shop\/batch\) .* are denied .*\[yes\]$/,
    ),
  ]);
  expect(await problemsOf({ objects: [api, rule] }, batch)).toEqual([]);
});

describe("the entity cluster before a global service", () => {
  const service = (name: string): object => ({
    ...{ apiVersion: "v1", kind: "Service" },
    metadata: { name, namespace: "shop", annotations: { "service.cilium.io/global": "true" } },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
  });
  const sides = (rules: readonly object[], more: readonly object[] = []): [Side, Side] => [
    { objects: [api, service("api"), policy(rules), ...more] },
    { objects: [api, service("api"), workload("front")] },
  ];

  test("keeps clients of the other cluster out", async () => {
    expect(await problemsOf(...sides([{ fromEntities: ["cluster"] }]))).toEqual([
      expect.stringMatching(
        /^alpha: CiliumNetworkPolicy shop\/to-api: lets the entity "cluster" through in spec\.ingress\[0\]\.fromEntities, which means alpha only: pods of beta \(shop\/front\) are shut out of alpha's backends of global service shop\/api; .*\[perhaps\]$/,
      ),
    ]);
  });

  test("does not where another rule or policy admits them, or the service is not of both", async () => {
    const toBeta = {
      fromEndpoints: [{ matchLabels: { "io.cilium.k8s.policy.cluster": "beta", app: "front" } }],
    };
    expect(await problemsOf(...sides([{ fromEntities: ["cluster"] }, toBeta]))).toEqual([]);
    const open = {
      ...{ apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy" },
      metadata: { name: "open", namespace: "shop" },
      spec: { endpointSelector: {}, ingress: [{ fromEntities: ["all"] }] },
    };
    expect(await problemsOf(...sides([{ fromEntities: ["cluster"] }], [open]))).toEqual([]);
    const [alpha] = sides([{ fromEntities: ["cluster"] }]);
    expect(await problemsOf(alpha, { objects: [workload("front")] })).toEqual([]);
  });
});

describe("policyEnforcementMode: always", () => {
  const values = { policyEnforcementMode: "always", clustermesh: { useAPIServer: true } };
  const open = (name: string, matchLabels: object): object => ({
    ...{ apiVersion: "cilium.io/v2", kind: "CiliumClusterwideNetworkPolicy", metadata: { name } },
    spec: {
      endpointSelector: { matchLabels },
      ingress: [{ fromEntities: ["all"] }],
      egress: [{ toEntities: ["all"] }],
    },
  });

  test("names the parts that no policy opens", async () => {
    const [line, ...rest] = await problemsOf({ values });
    expect(rest).toEqual([]);
    expect(line).toMatch(/^alpha: policyEnforcementMode: always denies .*\[perhaps\]$/);
    expect(line).toContain("clustermesh-apiserver (ingress: TCP 2379; egress");
    expect(line).toContain("CoreDNS (ingress: port 53");
    expect(line).toContain("the health endpoints");
    expect(
      await problemsOf({
        values: { clustermesh: { useAPIServer: true }, extraConfig: { "enable-policy": "always" } },
      }),
    ).toHaveLength(1);
  });

  test("and nothing of those that policies open", async () => {
    const objects = [
      open("mesh", { "k8s-app": "clustermesh-apiserver" }),
      open("dns", { "k8s:k8s-app": "kube-dns" }),
    ];
    const [line = ""] = await problemsOf({ values, objects });
    expect(line).toContain("opens the health endpoints (");
    expect(
      await problemsOf({ values, objects: [...objects, open("health", { "reserved:health": "" })] }),
    ).toEqual([]);
    expect(await problemsOf({ values: { ...values, policyAuditMode: true } })).toEqual([]);
  });
});

const exporter = (hostNetwork: boolean): object => ({
  ...{ apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "exporter", namespace: "shop" } },
  spec: {
    selector: { matchLabels: { app: "exporter" } },
    template: {
      metadata: { labels: { app: "exporter" } },
      spec: { hostNetwork, containers: [{ name: "e", image: "e", ports: [{ containerPort: 9100 }] }] },
    },
  },
});

test("pods with hostNetwork of the other cluster are not reached by their labels", async () => {
  const toEndpoints = [{ matchLabels: { app: "exporter", "io.cilium.k8s.policy.cluster": "beta" } }];
  const rule = {
    ...{ apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy" },
    metadata: { name: "to-exporters", namespace: "shop" },
    spec: { endpointSelector: { matchLabels: { app: "api" } }, egress: [{ toEndpoints }] },
  };
  expect(await problemsOf({ objects: [api, rule] }, { objects: [exporter(true)] })).toEqual([
    "alpha: CiliumNetworkPolicy shop/to-exporters: selects by labels in spec.egress[0].toEndpoints[0] pods of beta in the network of their nodes (shop/exporter), which have the identity of their node (remote-node) and none of their labels: they are not reached from shop/api of alpha; add a rule beside it with toEntities remote-node, which means every node, or select the nodes by toNodes (Helm value nodeSelectorLabels) [yes]",
  ]);
  expect(await problemsOf({ objects: [api, rule] }, { objects: [exporter(false)] })).toEqual([]);
});

describe("pods with hostNetwork of the other cluster", () => {
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } };
  const podSelector = { matchLabels: { app: "exporter", "io.cilium.k8s.policy.cluster": "beta" } };
  const matchExpressions = [{ key: "team", operator: "NotIn", values: ["edge"] }];
  const rule = {
    ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
    metadata: { name: "to-exporters", namespace: "shop" },
    spec: {
      podSelector: { matchLabels: { app: "api" } },
      policyTypes: ["Egress"],
      egress: [{ to: [{ podSelector, namespaceSelector: { matchExpressions } }] }],
    },
  };
  const found = async (ofAlpha: readonly object[], ofBeta: readonly object[]): Promise<string[]> => {
    const objects = [exporter(true), ...ofBeta];
    const lines = await problemsOf({ objects: [api, rule, ...ofAlpha] }, { objects });
    return lines.filter((line) => line.includes("in the network of their nodes"));
  };

  test("are not judged by labels of a namespace that no file has", async () => {
    expect(await found([], [])).toEqual([]);
    expect(await found([], [namespace])).toEqual([expect.stringMatching(/\[yes\]$/)]);
  });

  test("are perhaps reached where a ClusterNetworkPolicy is given", async () => {
    const before = {
      ...{ apiVersion: "policy.networking.k8s.io/v1alpha2", kind: "ClusterNetworkPolicy" },
      ...{ metadata: { name: "first" }, spec: { tier: "Admin", priority: 1, subject: { namespaces: {} } } },
    };
    expect(await found([before], [namespace])).toEqual([expect.stringMatching(/\[perhaps\]$/)]);
  });
});
