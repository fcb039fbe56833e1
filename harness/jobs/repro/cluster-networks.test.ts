import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { SourceCluster } from "#harness/model/source-environment.ts";
import { labOf } from "./lab-of.ts";
import { readSource } from "./read-source.ts";

const values = (name: string, id: number, mode = "kubernetes"): object => ({
  cluster: { name, id },
  ipam: { mode },
  clustermesh: { useAPIServer: true },
});
const kubeadm = (spec: object): object => ({
  apiVersion: "kubeadm.k8s.io/v1beta4",
  kind: "ClusterConfiguration",
  kubernetesVersion: "v1.34.2",
  ...spec,
});
const inMap = (document: object): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "kubeadm-config", namespace: "kube-system" },
  data: { ClusterConfiguration: toYaml(document) },
});

async function meshOf(alpha: readonly object[], beta: readonly object[] = []): Promise<SourceCluster[]> {
  const dir = tempFolder("networks");
  const files = Object.entries({ alpha: [values("alpha", 1), ...alpha], beta: [values("beta", 2), ...beta] });
  for (const [name, documents] of files)
    writeFileSync(join(dir, `${name}.yaml`), documents.map((d) => toYaml(d)).join("---\n"));
  return readSource(files.map(([name]) => join(dir, `${name}.yaml`)));
}
const networks = { podSubnet: "10.40.0.0/16", serviceSubnet: "10.41.0.0/16" };

describe("networks of kubeadm's configuration", () => {
  const others = [
    { apiVersion: "kubeadm.k8s.io/v1beta4", kind: "InitConfiguration" },
    { apiVersion: "kubelet.config.k8s.io/v1beta1", kind: "KubeletConfiguration" },
    { apiVersion: "kubeproxy.config.k8s.io/v1alpha1", kind: "KubeProxyConfiguration" },
  ];
  test.each([
    [
      "as a file, before and after other parts",
      [others[0], kubeadm({ networking: networks }), ...others.slice(1)],
    ],
    ["in the ConfigMap kubeadm-config", [inMap(kubeadm({ networking: networks }))]],
    [
      "with host bits and blanks",
      [kubeadm({ networking: { podSubnet: "10.40.1.0/16 ", serviceSubnet: "10.41.0.9/16" } })],
    ],
    [
      "as flags of the components",
      [
        kubeadm({
          networking: { podSubnet: "10.1.0.0/16" },
          controllerManager: { extraArgs: [{ name: "cluster-cidr", value: "10.40.0.0/16" }] },
          apiServer: { extraArgs: { "service-cluster-ip-range": "10.41.0.0/16" } },
        }),
      ],
    ],
  ])("%s", async (_, documents) => {
    const [alpha] = await meshOf(documents as object[]);
    expect(alpha).toMatchObject({
      kubernetes: "1.34.2",
      podNetwork: { cidrs: ["10.40.0.0/16"], from: "podSubnet" },
      serviceCidrs: ["10.41.0.0/16"],
      others: [],
      notes: [],
    });
  });

  test("podSubnet is of no meaning where Cilium has pools of its own", async () => {
    const pools = {
      ipam: { mode: "cluster-pool", operator: { clusterPoolIPv4PodCIDRList: ["10.9.0.0/16"] } },
    };
    const [alpha] = await meshOf([
      { cluster: { name: "alpha" }, ...pools },
      kubeadm({ networking: networks }),
    ]);
    expect(alpha).toMatchObject({ podNetwork: { cidrs: ["10.9.0.0/16"] }, serviceCidrs: ["10.41.0.0/16"] });
  });

  test("what is no CIDR is named, and kubeadm's own services are known", async () => {
    const [alpha] = await meshOf([kubeadm({ networking: { podSubnet: "${POD_CIDR}" } })]);
    expect(alpha).toMatchObject({
      podNetwork: { cidrs: [] },
      serviceCidrs: ["10.96.0.0/12"],
      notes: [
        { field: "podSubnet", inSource: expect.stringMatching(/^\$\{POD_CIDR\} in .*alpha\.yaml: no CIDR/) },
      ],
    });
  });

  test("pods of two clusters, and pods and services of two, are compared", async () => {
    const problems = async (alpha: object, beta: object): Promise<string[]> =>
      labOf(await meshOf([kubeadm({ networking: alpha })], [inMap(kubeadm({ networking: beta }))]), [], {
        "": "1.18.6",
      }).differences.flatMap((d) => (d.part === "source" ? [d.inSource] : []));
    expect(await problems(networks, { podSubnet: "10.40.128.0/17" })).toEqual([
      "they overlap: alpha 10.40.0.0/16, beta 10.40.128.0/17",
    ]);
    expect(await problems({ podSubnet: "10.100.0.0/16" }, { podSubnet: "10.42.0.0/16" })).toEqual([
      "alpha's pods 10.100.0.0/16 overlap beta's services 10.96.0.0/12",
    ]);
    expect(await problems(networks, { ...networks, podSubnet: "10.42.0.0/16" })).toEqual([]);
  });
});
