import { expect, test } from "vitest";
import { exampleCluster, exampleSettingRecord } from "#harness/model/examples.ts";
import { componentsOf, controlPlaneSettings, settingValues, summaryOf } from "./setting.ts";

const images = { image: { repository: "meshproof/cilium", useDigest: false } };
const values = {
  ...images,
  cluster: { name: "east", id: 1 },
  k8sServiceHost: "mp-default-east-control-plane",
  k8sServicePort: 6443,
  hubble: { enabled: false },
  ipv4NativeRoutingCIDR: "10.0.0.0/14",
  ipam: { operator: { clusterPoolIPv4PodCIDRList: ["10.1.0.0/16"] } },
  etcd: { endpoints: ["https://172.18.0.3:2479", "https://[fd00::3]:2479"] },
  tls: { ca: { cert: "Q0VSVA==", key: "S0VZ" } },
  extra: { bundle: "x".repeat(300) },
  clustermesh: {
    apiserver: {
      service: { type: "LoadBalancer", annotations: { "lbipam.cilium.io/ips": "172.18.255.128" } },
      tls: { auto: { method: "helm" } },
    },
    config: { clusters: [{ name: "west", port: 2379, ips: ["172.18.255.192"], tls: { cert: "QQ==" } }] },
  },
};

test("values of a setting have no key, no certificate, no address and no image", () => {
  expect(settingValues(values, images)).toEqual({
    "cluster.name": "east",
    "cluster.id": 1,
    k8sServicePort: 6443,
    "hubble.enabled": false,
    ipv4NativeRoutingCIDR: "10.0.0.0/14",
    "ipam.operator.clusterPoolIPv4PodCIDRList.0": "10.1.0.0/16",
    "clustermesh.apiserver.service.type": "LoadBalancer",
    "clustermesh.apiserver.tls.auto.method": "helm",
    "clustermesh.config.clusters.0.name": "west",
    "clustermesh.config.clusters.0.port": 2379,
  });
});

test("an image that the user changed stays", () => {
  const changed = { image: { repository: "elsewhere/cilium", useDigest: false } };
  expect(settingValues(changed, images)).toEqual({ "image.repository": "elsewhere/cilium" });
});

test("settings of the control plane are the lab's tuning and the user's kind Config, without its nodes", () => {
  const { kindConfig } = exampleCluster("east", 1);
  const own = controlPlaneSettings("untuned", { ...kindConfig, featureGates: { A: true } });
  expect(own).toMatchObject({
    "kindConfig.featureGates.A": true,
    "kindConfig.networking.podSubnet": "10.1.0.0/16",
  });
  expect(Object.keys(own).every((key) => key.startsWith("kindConfig."))).toBe(true);
  expect(Object.keys(own).some((key) => key.includes("nodes"))).toBe(false);
  expect(controlPlaneSettings("tuned", kindConfig)).toMatchObject({
    "etcd.unsafe-no-fsync": "true",
    "controllerManager.endpointslice-updates-batch-period": "100ms",
  });
});

test("a component has its versions; a checkout its checksum too, because it may be changed", () => {
  const component = (name: string, version: string, origin: string) => ({
    ...{ name, version, origin, sum: "h1:x" },
  });
  expect(
    componentsOf([
      component("etcd", "v3.6.5", "Go module"),
      component("etcd", "v3.6.4", "Go module"),
      component("cilium", "1.20.2", "local checkout"),
    ]),
  ).toEqual({ etcd: "v3.6.4 and v3.6.5", cilium: "1.20.2 h1:x" });
});

test("the summary names every version of a mesh with two", () => {
  const setting = exampleSettingRecord();
  const { east } = setting.clusters;
  if (east === undefined) throw new Error("the example has cluster east");
  const mixed = { ...setting, clusters: { east, west: { ...east, cilium: "1.19.7" } } };
  expect(summaryOf(mixed)).toEqual({
    cilium: "1.20.2 and 1.19.7",
    kubernetes: "1.36.4",
    kernel: "6.18",
    machine: "2 cores, 24 GiB",
    imageSource: "source",
  });
});
