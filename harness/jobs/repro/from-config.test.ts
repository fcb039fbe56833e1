import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { fromConfig } from "./from-config.ts";
import { type LabDraft, labOf } from "./lab-of.ts";
import { readSource } from "./read-source.ts";

/** A lab of two clusters whose settings are known from cilium-config alone; the first has more of them, and values. */
async function draftOf(more: Readonly<Record<string, string>>, values?: object): Promise<LabDraft> {
  const dir = tempFolder("config");
  const files = ["alpha", "beta"].map((name, i) => {
    const data = { "cluster-name": name, "cluster-id": String(i + 1), ipam: "kubernetes" };
    const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "cilium-config" } };
    const own = { ...map, data: { ...data, ...(i === 0 ? more : {}) } };
    const path = join(dir, `${name}.yaml`);
    const documents = i === 0 && values !== undefined ? [own, values] : [own];
    writeFileSync(path, documents.map((d) => toYaml(d)).join("---\n"));
    return path;
  });
  return labOf(await readSource(files), [], { "": "1.18.6" });
}
const told = ({ differences }: LabDraft): string[] =>
  differences
    .filter((d) => d.part === "source" || d.part === "other")
    .filter((d) => d.difference !== "")
    .map((d) => `${d.field}: ${d.inSource}`);

test("settings that charts write by themselves, and those of Cilium's own pods, are not told", async () => {
  const config = { "bpf-lb-map-max": "65536", "vtep-cidr": "", "enable-bpf-masquerade": "false" };
  const own = { "hubble-listen-address": ":1", "operator-api-serve-addr": "x", "debug-verbose": "flow" };
  // The charts of 1.18 and of 1.19.
  expect(told(await draftOf({ ...config, ...own, "mesh-auth-enabled": "true" }))).toEqual([]);
  expect(told(await draftOf({ "mesh-auth-enabled": "false" }))).toEqual([]);
});

test("what agents do where the chart writes nothing is not told, and another value is", async () => {
  const same = { "bpf-lb-sock-terminate-pod-connections": "true", "node-port-range": "30000,32767" };
  const old = {
    "enable-external-ips": "false",
    "enable-host-port": "false",
    "enable-session-affinity": "true",
  };
  expect(told(await draftOf({ ...same, ...old, "bpf-ct-global-tcp-max": "524288" }))).toEqual([]);
  const other = { "bpf-lb-sock-terminate-pod-connections": "false", "enable-node-port": "true" };
  expect(told(await draftOf({ ...other, "enable-host-port": "true", "policy-audit-mode": "true" }))).toEqual([
    "setting bpf-lb-sock-terminate-pod-connections: false",
    "setting enable-node-port: true",
    "setting enable-host-port: true",
    "setting policy-audit-mode: true",
  ]);
});

test("a feature that is on is told without what the chart writes beside it", async () => {
  const beside = {
    "enforce-ingress-https": "true",
    "ingress-default-lb-mode": "dedicated",
    "enable-envoy-config": "true",
    "ingress-lb-annotation-prefixes": "lbipam.cilium.io cloud.google.com",
  };
  expect(told(await draftOf({ "enable-ingress-controller": "true", ...beside }))).toEqual([
    "setting enable-ingress-controller: true",
  ]);
});

test("each other one has a line; with Helm values, which have lines of their own, they are one row", async () => {
  const config = { "bpf-lb-map-max": "1024", "enable-sctp": "true", "x-new": "1", "empty-new": "" };
  expect(told(await draftOf(config))).toEqual([
    "setting bpf-lb-map-max: 1024",
    "setting enable-sctp: true",
    "setting x-new: 1",
  ]);
  expect(told(await draftOf(config, { cluster: { name: "alpha" }, MTU: 1400 }))).toContain(
    "settings of cilium-config that are not the chart's defaults: bpf-lb-map-max: 1024, enable-sctp: true, x-new: 1",
  );
  const many = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`x-${i}`, "1"]));
  expect(told(await draftOf(many))).toHaveLength(1);
});

test("settings with a value of the chart are the lab's; identity-relevant labels must be equal", async () => {
  const draft = await draftOf({
    ...{ labels: "k8s:app", "enable-cilium-endpoint-slice": "true", "enable-endpoint-routes": "true" },
    ...{ "bpf-policy-map-max": "4096", "policy-cidr-match-mode": "nodes", mtu: "0" },
  });
  expect(told(draft)).toEqual([expect.stringContaining("labels differs: alpha k8s:app, beta the default")]);
  expect(draft.clusters[0]?.values).toEqual({
    ...{ labels: "k8s:app", ciliumEndpointSlice: { enabled: true }, endpointRoutes: { enabled: true } },
    ...{ bpf: { policyMapMax: 4096 }, policyCIDRMatchMode: ["nodes"] },
  });
  expect(draft.clusters[1]?.values).toEqual({});
  expect(draft.differences).toContainEqual(
    expect.objectContaining({ field: "setting bpf-policy-map-max", inLab: "4096", difference: "" }),
  );
});

test("the name of Cilium's service proxy has one line, which says what becomes of services", async () => {
  for (const values of [undefined, { cluster: { name: "alpha" }, MTU: 1400 }]) {
    const draft = await draftOf({ "k8s-service-proxy-name": "cilium" }, values);
    const lines = draft.differences.filter((d) => /service-?proxy-?name/i.test(d.field + d.inSource));
    expect(lines).toMatchObject([
      { cluster: "alpha", field: "k8s.serviceProxyName", inSource: "cilium", part: "unavailable" },
    ]);
    expect(draft.clusters[0]?.values).not.toHaveProperty("k8s");
  }
});

test("what the chart writes by default becomes no value of the lab", () => {
  expect(
    fromConfig({ labels: "", mtu: "0", "bpf-policy-map-max": "16384", "cni-chaining-mode": "none" }),
  ).toEqual({});
  expect(fromConfig({ "kube-proxy-replacement": "false" })).toEqual({ kubeProxyReplacement: false });
});
