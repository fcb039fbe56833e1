import { describe, expect, test } from "vitest";
import { type Files, folderOf, object, valuesOf } from "./gitops/example-files.ts";
import { firstLines, readFolder } from "./plan-examples.ts";
import { readSource } from "./read-source.ts";

const kubernetes = { ipam: { mode: "kubernetes" }, clustermesh: { useAPIServer: true } };
const managed = (name: string, pods: string, more: object = {}): object =>
  object(
    "cluster.x-k8s.io/v1beta1",
    "Cluster",
    {
      spec: {
        clusterNetwork: { pods: { cidrBlocks: [pods] }, services: { cidrBlocks: ["10.128.0.0/12"] } },
        ...more,
      },
    },
    name,
  );
const both: Files = {
  "a.yaml": valuesOf("rack-a", 1, kubernetes),
  "b.yaml": valuesOf("rack-b", 2, kubernetes),
};

describe("Cluster of Cluster API", () => {
  const infrastructure = object(
    "infrastructure.cluster.x-k8s.io/v1beta1",
    "Metal3Cluster",
    { spec: {} },
    "rack-a",
  );
  const items = [managed("rack-a", "192.168.0.0/16"), infrastructure, managed("rack-b", "192.168.0.0/16")];

  test.each([
    ["as files", { "x.yaml": items.slice(0, 2), "y.yaml": items.slice(2) }],
    ["in one file", { "x.yaml": items }],
    ["as one list", { "x.yaml": { apiVersion: "v1", kind: "List", items } }],
  ])("has the networks of the cluster of its name: %s", async (_, files: Files) => {
    expect(await firstLines({ ...both, ...files })).toEqual([
      "rack-a, rack-b: pod CIDR: they overlap: rack-a 192.168.0.0/16, rack-b 192.168.0.0/16 [yes]",
    ]);
  });

  test("has the version of Kubernetes that its topology asks for", async () => {
    const [a] = await readFolder({
      ...both,
      "x.yaml": managed("rack-a", "10.1.0.0/16", { topology: { version: "v1.33.1" } }),
    });
    expect(a).toMatchObject({ kubernetes: "1.33.1", serviceCidrs: ["10.128.0.0/12"] });
  });

  test("of another name it is of the cluster of its folder, else of none", async () => {
    const files = { "a/values.yaml": both["a.yaml"] ?? {}, "b/values.yaml": both["b.yaml"] ?? {} };
    const [a] = await readFolder({ ...files, "a/cluster.yaml": managed("prod-7", "10.7.0.0/16") });
    expect(a?.podNetwork.cidrs).toEqual(["10.7.0.0/16"]);
    const [first] = await readFolder({ ...files, "cluster.yaml": managed("prod-7", "10.7.0.0/16") });
    expect(first?.podNetwork.cidrs).toEqual([]);
    expect(first?.notes).toMatchObject([
      { inSource: expect.stringContaining("the networks of cluster prod-7"), ofNoCluster: true },
    ]);
  });

  test("with a HelmChartProxy for several clusters, what it makes is asked for, once", async () => {
    const proxy = object("addons.cluster.x-k8s.io/v1alpha1", "HelmChartProxy", {
      spec: {
        chartName: "cilium",
        valuesTemplate: "cluster:\n  name: {{ .Cluster.metadata.name }}\n  id: 1\n",
      },
    });
    const dir = folderOf({ "addons.yaml": proxy, "x.yaml": items[0] ?? {}, "y.yaml": items[2] ?? {} });
    await expect(readSource([dir])).rejects.toMatchObject({
      message: expect.stringMatching(
        /addons\.yaml does not name .*\n.*x\.yaml holds only the networks of cluster rack-a, .*\n.*y\.yaml holds/,
      ),
      remedy: expect.stringMatching(/^give what `kubectl get helmreleaseproxies -A -o yaml` prints[^;]*$/),
    });
  });

  test("the HelmReleaseProxy objects have one cluster each", async () => {
    const release = (name: string, id: number): object =>
      object(
        "addons.cluster.x-k8s.io/v1alpha1",
        "HelmReleaseProxy",
        {
          spec: {
            chartName: "cilium",
            version: "1.18.6",
            values: `cluster:\n  name: ${name}\n  id: ${id}\n`,
          },
        },
        `cilium-${name}`,
      );
    const list = { apiVersion: "v1", kind: "List", items: [release("rack-a", 1), release("rack-b", 2)] };
    expect((await readFolder({ "x.yaml": list })).map((c) => [c.name, c.id])).toEqual([
      ["rack-a", 1],
      ["rack-b", 2],
    ]);
  });
});

describe("the chart of RKE2", () => {
  const config = (values: object): object =>
    object("helm.cattle.io/v1", "HelmChartConfig", { spec: { values } }, "rke2-cilium");
  const rancher = (name: string, id: number, settings?: object): object =>
    object(
      "provisioning.cattle.io/v1",
      "Cluster",
      {
        spec: {
          kubernetesVersion: "v1.33.5+rke2r1",
          rkeConfig: {
            chartValues: { "rke2-cilium": valuesOf(name, id) },
            ...(settings === undefined ? {} : { machineGlobalConfig: settings }),
          },
        },
      },
      name,
    );

  test("leaves pods to Kubernetes, whose networks Rancher's Cluster has", async () => {
    const [a, b] = await readFolder({
      "a.yaml": rancher("a", 1, { "cluster-cidr": "10.14.0.0/16", "service-cidr": "10.114.0.0/16" }),
      "b.yaml": rancher("b", 2),
    });
    expect(a).toMatchObject({
      kubernetes: "1.33.5+rke2r1",
      podNetwork: { mode: "kubernetes", cidrs: ["10.14.0.0/16"] },
      serviceCidrs: ["10.114.0.0/16"],
    });
    expect(b).toMatchObject({ podNetwork: { cidrs: ["10.42.0.0/16"] }, serviceCidrs: ["10.43.0.0/16"] });
  });

  test.each([
    ["HelmChartConfig", config(valuesOf("a", 1))],
    [
      "Application",
      object("argoproj.io/v1alpha1", "Application", {
        spec: { source: { chart: "rke2-cilium", helm: { valuesObject: valuesOf("a", 1) } } },
      }),
    ],
    ["values of a chart around it", { "rke2-cilium": valuesOf("a", 1) }],
  ])("%s", async (_, document) => {
    const [a] = await readFolder({ "a.yaml": document, "b.yaml": valuesOf("b", 2) });
    expect(a?.podNetwork).toMatchObject({ mode: "kubernetes", cidrs: [], defaults: [] });
  });

  test("the operator's values take precedence; a pool without its mode is not in force", async () => {
    const operator = { clusterPoolIPv4PodCIDRList: ["10.60.0.0/16"] };
    const [a, b] = await readFolder({
      "a.yaml": config(valuesOf("a", 1, { ipam: { mode: "cluster-pool", operator } })),
      "b.yaml": config(valuesOf("b", 2, { ipam: { operator } })),
    });
    expect(a).toMatchObject({ podNetwork: { cidrs: ["10.60.0.0/16"] }, notes: [] });
    expect(b).toMatchObject({
      podNetwork: { cidrs: [] },
      notes: [{ field: "value ipam.operator.clusterPoolIPv4PodCIDRList", part: "source" }],
    });
  });

  test("its own values are none of Cilium's", async () => {
    const own = { portmapPlugin: { image: {} }, global: { systemDefaultRegistry: "r.example.com" } };
    const [a, b] = await readFolder({
      "a.yaml": config(valuesOf("a", 1, own)),
      "b.yaml": config(valuesOf("b", 2, { global: { ...own.global, cluster: { id: 2 } } })),
    });
    expect(Object.keys(a?.values ?? {})).toEqual(["ipam", "hubble", "cluster"]);
    expect(b?.values.global).toEqual({ cluster: { id: 2 } });
  });
});
