import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { nodePortsOutside } from "./node-ports.ts";
import { readSource } from "./read-source.ts";

/** What is told of a cluster with this service of clustermesh-apiserver. */
async function told(
  service: object,
  { more = {}, documents = [] }: { readonly more?: object; readonly documents?: readonly object[] } = {},
): Promise<string[]> {
  const folder = tempFolder("node-ports");
  const [file, other] = [join(folder, "alpha.yaml"), join(folder, "beta.yaml")];
  const values = {
    cluster: { name: "alpha", id: 1 },
    clustermesh: { useAPIServer: true, apiserver: { service } },
    ...more,
  };
  writeFileSync(file, [values, ...documents].map((d) => toYaml(d)).join("---\n"));
  writeFileSync(other, toYaml({ cluster: { name: "beta", id: 2 } }));
  const clusters = await readSource([file, other]);
  return clusters.flatMap(nodePortsOutside).map((p) => `${p.field}: ${p.inSource} [${p.matters}]`);
}
const kubeadm = (apiServer: object): object => ({
  apiVersion: "kubeadm.k8s.io/v1beta4",
  kind: "ClusterConfiguration",
  apiServer,
});
const low = { type: "NodePort", nodePort: 2379 };

test("a node port outside of Kubernetes' range is told as what may be", async () => {
  expect(await told(low)).toEqual([
    expect.stringMatching(
      /^NodePort clustermesh\.apiserver\.service\.nodePort: 2379 is outside.*\[perhaps\]$/,
    ),
  ]);
  expect(await told({ nodePort: 2379 })).toHaveLength(1);
  const ingress = { ingressController: { enabled: true, service: { secureNodePort: 443 } } };
  expect(await told({}, { more: ingress })).toEqual([expect.stringContaining("secureNodePort: 443")]);
});

test("one that is not read, or within the range, is not", async () => {
  expect(await told({ type: "NodePort", nodePort: 32_379 })).toEqual([]);
  expect(await told({ type: "LoadBalancer", nodePort: 2379 })).toEqual([]);
  expect(await told(low, { more: { nodePort: { range: "2000,40000" } } })).toEqual([]);
});

test.each([
  ["kubeadm", kubeadm({ extraArgs: { "service-node-port-range": "2000-3000" } })],
  ["kubeadm's list", kubeadm({ extraArgs: [{ name: "service-node-port-range", value: "2000-3000" }] })],
  [
    "a patch of kind",
    {
      apiVersion: "kind.x-k8s.io/v1alpha4",
      kind: "Cluster",
      kubeadmConfigPatches: [
        'kind: ClusterConfiguration\napiServer:\n  extraArgs:\n    service-node-port-range: "2000-3000"\n',
      ],
    },
  ],
  ["K3s", { "cluster-cidr": "10.42.0.0/16", "kube-apiserver-arg": ["service-node-port-range=2000-3000"] }],
])("the range of %s counts", async (_, document) => {
  expect(await told(low, { documents: [document] })).toEqual([]);
  expect(await told({ type: "NodePort", nodePort: 32_379 }, { documents: [document] })).toEqual([
    expect.stringMatching(/32379 is outside of 2000-3000, the service-node-port-range.*\[yes\]$/),
  ]);
});
