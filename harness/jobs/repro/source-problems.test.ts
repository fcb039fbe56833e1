import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { differenceCount, differenceLines, planRepro } from "./index.ts";
import { type LabDraft, labOf } from "./lab-of.ts";
import { readSource } from "./read-source.ts";

interface Side {
  readonly id?: number;
  readonly values?: object;
  readonly pool?: string;
  readonly version?: string;
  readonly objects?: readonly object[];
}

async function filesOf(sides: Readonly<Record<string, Side>>): Promise<string[]> {
  const dir = tempFolder("problems");
  return Object.entries(sides).map(([name, side], i) => {
    const { id = i + 1, values = {}, pool = `10.${i + 1}0.0.0/16`, version = "1.18.6", objects = [] } = side;
    const own = {
      cluster: { name, id },
      image: { tag: `v${version}` },
      clustermesh: { useAPIServer: true },
      ...(pool === "" ? {} : { ipam: { operator: { clusterPoolIPv4PodCIDRList: [pool] } } }),
      ...values,
    };
    const path = join(dir, `${name}.yaml`);
    writeFileSync(path, [own, ...objects].map((d) => toYaml(d)).join("---\n"));
    return path;
  });
}

const draftOf = async (a: Side, b: Side = {}): Promise<LabDraft> =>
  labOf(await readSource(await filesOf({ alpha: a, beta: b })), []);
const problemsOf = async (a: Side, b: Side = {}): Promise<string[]> =>
  (await draftOf(a, b)).differences
    .filter((d) => d.part === "source")
    .map((d) => `${d.cluster}: ${d.field}: ${d.inSource} [${d.matters}]`);

describe("what breaks the mesh in the source itself", () => {
  test("a sound pair has no problem", async () => {
    expect(await problemsOf({})).toEqual([]);
  });

  test.each([
    ["equal ids", { id: 2 }, {}, "alpha, beta: cluster id: 2 in 2 clusters"],
    ["an id of 0", { id: 0 }, {}, "alpha: cluster id: 0: 0 is reserved: a cluster of a mesh needs an id"],
    ["an id over the maximum", { id: 300 }, {}, "alpha: cluster id: 300: it must be a number from 1 to 255"],
    [
      "overlapping pools",
      { pool: "10.20.128.0/17" },
      {},
      "they overlap: alpha 10.20.128.0/17, beta 10.20.0.0/16 [yes]",
    ],
    [
      "pools of the chart",
      { pool: "" },
      { pool: "" },
      "they overlap: alpha 10.0.0.0/8, beta 10.0.0.0/8 (the chart's default",
    ],
    ["settings", { values: { tunnelPort: 8473 } }, {}, "tunnel-port differs: alpha 8473, beta 8472"],
    [
      "the port of health checks",
      { values: { clusterHealthPort: 9940 } },
      {},
      "cluster-health-port differs: alpha 9940, beta 4240",
    ],
    ["routing", { values: { routingMode: "native" } }, {}, "routing-mode differs: alpha native, beta tunnel"],
    [
      "a removed value",
      { values: { tunnel: "disabled" } },
      {},
      "value tunnel: disabled: Cilium 1.15 removed it, so 1.18.6 ignores it",
    ],
    ["what it means", { values: { tunnel: "disabled" } }, {}, "routing is tunnel over vxlan"],
    [
      "a value at another place",
      { values: { maxConnectedClusters: 511 } },
      {},
      "value maxConnectedClusters: the chart ignores it: its value is clustermesh.maxConnectedClusters [yes]",
    ],
    ["a value of another case", { values: { clusterMesh: {} } }, {}, "its value is clustermesh"],
    [
      "a value of a later version",
      { values: { clustermesh: { useAPIServer: true, cacheTTL: "1m" } } },
      {},
      "Cilium 1.19 brought it",
    ],
    [
      "pods outside the CIDR of native routing",
      { values: { routingMode: "native", ipv4NativeRoutingCIDR: "10.10.0.0/16" } },
      { values: { routingMode: "native" } },
      "10.10.0.0/16 does not contain the pods of beta, 10.20.0.0/16",
    ],
    [
      "a peer that is not listed",
      { values: { clustermesh: { useAPIServer: true, config: { clusters: [{ name: "betta" }] } } } },
      {},
      "lists betta, and not beta",
    ],
    [
      "no API server",
      { values: { clustermesh: { useAPIServer: false } } },
      {},
      "no other cluster can read this one",
    ],
    [
      "two CAs",
      { values: { tls: { ca: { cert: "YQ==" } } } },
      { values: { tls: { ca: { cert: "Yg==" } } } },
      "tls.ca.cert is not the same certificate: one in alpha; another in beta",
    ],
  ] as [string, Side, Side, string][])("%s", async (_, a, b, message) => {
    expect((await problemsOf(a, b)).join("\n")).toContain(message);
  });

  test("the old value counts for a version that reads it", async () => {
    const old = { values: { tunnel: "disabled" }, version: "1.14.4" };
    expect(await problemsOf(old, { version: "1.14.4" })).toEqual([
      "alpha, beta: routing-mode differs: alpha native, beta tunnel: one side sends packets in tunnels and the other without [yes]",
    ]);
    expect((await draftOf(old)).clusters[0]?.values).toMatchObject({
      routingMode: "native",
      autoDirectNodeRoutes: true,
    });
  });
});

test("all parts of a policy that are not judged are named, also beside L7 rules", async () => {
  const policy = (kind: string, egress: readonly object[]): object => ({
    ...{ apiVersion: "cilium.io/v2", kind, metadata: { name: "p", namespace: "shop" } },
    spec: { endpointSelector: {}, egress },
  });
  const rare = [{ toServices: [{}] }, { toGroups: [{ aws: {} }] }];
  const dns = { toPorts: [{ ports: [{ port: "53" }], rules: { dns: [{ matchPattern: "*" }] } }] };
  const pod = {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "shop" } },
    spec: { containers: [{ name: "c", ports: [{ containerPort: 80 }] }] },
  };
  const lines = async (object: object): Promise<string[]> =>
    (await draftOf({ objects: [pod, object] })).differences
      .filter((d) => d.field.includes("Policy"))
      .map((d) => `${d.inSource}; ${d.inLab}`);
  expect(await lines(policy("CiliumNetworkPolicy", rare))).toEqual([
    "has toServices, toGroups; as it is, not judged by the suite",
  ]);
  expect(await lines(policy("CiliumNetworkPolicy", [...rare, dns]))).toEqual([
    "with L7 rules, toServices, toGroups; the same object, with unsupported L7 rules; toServices, toGroups not judged by the suite",
  ]);
  expect((await lines(policy("CiliumClusterwideNetworkPolicy", rare))).join()).toContain(
    "of the whole cluster; has toServices, toGroups, not judged by the suite",
  );
});

describe("a cluster without an id is refused, with its file", () => {
  const refusal = (text: string, name = "alpha=") => {
    const dir = tempFolder("no-id");
    writeFileSync(join(dir, "a.yaml"), text);
    writeFileSync(join(dir, "b.yaml"), toYaml({ cluster: { name: "beta", id: 2 } }));
    return readSource([`${name}${join(dir, "a.yaml")}`, join(dir, "b.yaml")]).then((s) =>
      labOf(s, [], { "": "1.18.6" }),
    );
  };
  test.each([
    ["one line of values", "kubeProxyReplacement: true\n", "a.yaml has no cluster.id of alpha"],
    ["a null", "cluster: { name: alpha, id: }\n", "a.yaml has no cluster.id of alpha"],
    [
      "a placeholder",
      'cluster: { name: alpha, id: "${ID}" }\n',
      'a.yaml has cluster.id "${ID}" of alpha, a placeholder',
    ],
    ["a template", 'cluster: { name: alpha, id: "{{ .id }}" }\n', "a placeholder"],
    ["a word", "cluster: { name: alpha, id: one }\n", 'cluster.id "one" of alpha, which is no id'],
    ["a ConfigMap", "kind: ConfigMap\nmetadata: {name: cilium-config}\ndata: {ipam: x}\n", "no cluster.id"],
  ])("%s", async (_, text, message) => {
    await expect(refusal(text)).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining(message),
      remedy: expect.stringContaining("give the rendered form"),
    });
  });

  test("values with a placeholder as name do not become those of the other cluster", async () => {
    await expect(refusal('cluster: { name: "{{ .name }}", id: 1 }\n', "")).rejects.toThrow(
      'a.yaml does not name its cluster: cluster.name is "{{ .name }}", a placeholder',
    );
  });
});

describe("how clusters log in to each other's etcd", () => {
  const mode = (authMode: string | undefined, peers: readonly object[] = [], version = "1.18.6"): Side => ({
    version,
    values: {
      clustermesh: {
        useAPIServer: true,
        config: { enabled: true, clusters: peers },
        apiserver: { tls: { ...(authMode === undefined ? {} : { authMode }) } },
      },
    },
  });
  const login = async (a: Side, b: Side): Promise<string[]> =>
    (await problemsOf(a, b)).filter((p) => p.includes("authMode"));
  const missing = "alpha logs in to beta as remote-alpha, a user that beta's etcd does not have [yes]";

  test.each([
    ["legacy", mode("legacy")],
    ["the default before 1.19", mode(undefined)],
  ])("a name of its own and %s", async (_, beta) => {
    expect(await login(mode("cluster"), beta)).toEqual([
      `alpha, beta: clustermesh.apiserver.tls.authMode: alpha cluster, beta legacy: ${missing}`,
    ]);
  });

  test("the mode between has both users, unless the peer is not listed", async () => {
    expect(await login(mode("cluster"), mode("migration", [{ name: "alpha" }]))).toEqual([]);
    expect(await login(mode("cluster"), mode(undefined, [{ name: "alpha" }], "1.19.7"))).toEqual([]);
    expect(await login(mode("legacy"), mode("migration"))).toEqual([]);
    expect(await login(mode("cluster"), mode("migration", [{ name: "alfa" }]))).toEqual([
      `alpha, beta: clustermesh.apiserver.tls.authMode: alpha cluster, beta migration, whose clustermesh.config.clusters does not list alpha: ${missing}`,
    ]);
  });

  test("a certificate for one peer may be of any user", async () => {
    const alpha = mode("cluster", [{ name: "beta", tls: { cert: "eA==", key: "eA==" } }]);
    expect(await login(alpha, mode("legacy"))).toEqual([]);
  });
});

test("settings are those of cilium-config, else what the chart makes of the values", async () => {
  const config = (data: object) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "cilium-config" },
    data,
  });
  const wireguard = { values: { encryption: { enabled: true, type: "wireguard" } } };
  const own = { "cluster-name": "beta", "cluster-id": "2", "enable-wireguard": "true", mtu: "1400" };
  expect(await problemsOf(wireguard, { objects: [config(own)] })).toEqual([
    "alpha, beta: mtu differs: alpha automatic, beta 1400: packets that fit on one side can be too large for the other [yes]",
  ]);
  const extra = { values: { extraConfig: { "tunnel-port": "9000" } } };
  expect((await problemsOf(extra)).join()).toContain("tunnel-port differs: alpha 9000, beta 8472");
  const gke = { values: { gke: { enabled: true } } };
  expect((await problemsOf(gke)).join()).toContain("routing-mode differs: alpha native, beta tunnel");
});

describe("a lab of it", () => {
  test("is one that `up` accepts, though its source is not", async () => {
    const files = await filesOf({
      alpha: { id: 7, pool: "10.0.0.0/8", values: { clustermesh: { maxConnectedClusters: 511 } } },
      beta: { id: 7, pool: "10.0.0.0/8" },
    });
    const { draft } = await planRepro(files, join(tempFolder("out"), "lab"));
    expect(draft.clusters.map((c) => c.id)).toEqual([7, 1]);
    expect(draft.clusters[1]?.values).toMatchObject({ clustermesh: { maxConnectedClusters: 511 } });
  });

  test("leaves no file behind if `up` would refuse it", async () => {
    const out = join(tempFolder("out"), "lab");
    const files = await filesOf({ alpha: {}, beta: {} });
    await expect(planRepro(files, out, { lab: "x", kubernetes: ["next"] })).rejects.toThrow(
      "--kubernetes next",
    );
    await planRepro(files, out);
  });

  test("has the version of --cilium where no file tells one", async () => {
    const files = await filesOf({ alpha: { values: { image: {} } }, beta: {} });
    const { draft } = await planRepro(files, join(tempFolder("out"), "lab"), {
      lab: "x",
      cilium: ["alpha=1.19.4"],
    });
    expect(draft.clusters.map((c) => c.cilium)).toEqual(["1.19.4", "1.18.6"]);
  });

  test("keeps the source's pools, and CIDRs of nodes do not count beside them", async () => {
    const node = {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "one" },
      spec: { podCIDR: "10.244.0.0/24" },
    };
    const { clusters } = await draftOf({ pool: "100.64.0.0/13", objects: [node] });
    expect(clusters[0]).toMatchObject({
      kindConfig: { networking: { podSubnet: "100.64.0.0/13" } },
      values: { ipam: { mode: "cluster-pool", operator: { clusterPoolIPv4PodCIDRList: ["100.64.0.0/13"] } } },
    });
  });

  test("has no values of a cloud, and routes of its own under native routing", async () => {
    const eni = {
      pool: "",
      values: { ipam: { mode: "eni" }, eni: { enabled: true }, routingMode: "native" },
    };
    const { clusters, differences } = await draftOf(eni, eni);
    expect(clusters[0]?.values).toEqual({
      routingMode: "native",
      autoDirectNodeRoutes: true,
      ipv4NativeRoutingCIDR: "10.0.0.0/8",
    });
    expect(
      differences.filter((d) => d.part === "unavailable" && d.cluster === "alpha").map((d) => d.field),
    ).toEqual(["ipam.mode", "eni.enabled", "routes of native routing"]);
  });

  test("has two families where pods have two", async () => {
    const dual = { values: { ipv6: { enabled: true } } };
    const { clusters, suites } = await draftOf(dual, dual);
    expect(clusters[0]?.kindConfig).toMatchObject({
      networking: { ipFamily: "dual", podSubnet: expect.stringMatching(/^10\.10\.0\.0\/16,fd00:/) },
    });
    expect(suites).toEqual(["rebuilt-environment", "dual-stack"]);
  });
});

const template = (labels: object, spec: object = {}): object => ({
  metadata: { labels },
  spec: { containers: [{ name: "c", image: "x", ports: [{ containerPort: 80 }] }], ...spec },
});

describe("objects", () => {
  test("workloads of every kind become stand-ins; in the host's network none; what is dropped is named", async () => {
    const of = (kind: string, name: string, spec: object) => ({
      apiVersion: "apps/v1",
      kind,
      metadata: { name },
      spec,
    });
    const { clusters, differences } = await draftOf({
      objects: [
        of("Deployment", "web", {
          replicas: 5,
          template: template({ app: "web" }, { serviceAccountName: "web" }),
        }),
        of("StatefulSet", "db", { template: template({ app: "db" }) }),
        of("DaemonSet", "edge", { template: template({ app: "edge" }, { hostNetwork: true }) }),
        { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "texts" }, data: {} },
        { apiVersion: "batch/v1", kind: "Job", metadata: { name: "once" }, spec: {} },
      ],
    });
    expect(clusters[0]?.manifests.map((m) => [m.kind, (m.metadata as { name: string }).name])).toEqual([
      ["ServiceAccount", "web"],
      ["Deployment", "web"],
      ["Deployment", "db"],
    ]);
    const said = new Map(differences.map((d) => [d.field, d.inLab]));
    expect(said.get("workload default/web")).toBe("3 echo stand-ins");
    expect(said.get("workload default/db")).toContain("as a Deployment");
    expect(said.get("workload default/edge")).toContain("no stand-in");
    expect(said.get("ConfigMap")).toBe("left out");
    expect(said.get("Job")).toBe("left out");
  });

  test("a boolean annotation is told by file and object, and becomes a text", async () => {
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", annotations: { "service.cilium.io/global": true } },
      spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
    };
    const { clusters, differences } = await draftOf({ objects: [service] });
    expect(differences[0]?.part).toBe("source");
    expect(differences.find((d) => d.field.includes("annotation"))?.inSource).toContain("alpha.yaml");
    expect(clusters[0]?.manifests).toMatchObject([
      { metadata: { namespace: "default", annotations: { "service.cilium.io/global": "true" } } },
    ]);
  });
});

test("the plan: what decides first, equal lines of clusters together, what every lab changes as one line", async () => {
  const { differences } = await draftOf(
    { values: { eni: { enabled: true }, tunnelPort: 1 } },
    { values: { eni: { enabled: true } } },
  );
  const lines = differenceLines(differences);
  expect(lines[0]).toBe("What is wrong in the source itself, or may be:");
  expect(lines[1]).toContain("tunnel-port differs");
  expect(lines.filter((l) => l.includes("eni.enabled"))).toEqual([
    "alpha, beta: eni.enabled: true; in the lab: no ENIs: addresses come from the lab's own CIDR (does it matter: yes)",
  ]);
  expect(lines.join("\n")).not.toContain("connectivityProbeFrequencyRatio");
  expect(lines.at(-1)).toMatch(/^\d+ things that every lab changes, .*#what-every-lab-changes$/);
  expect(differenceCount(differences)).toBeLessThan(10);
});
