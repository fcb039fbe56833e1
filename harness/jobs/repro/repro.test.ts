import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { strToU8, zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { parse as parseYaml, stringify as toYaml } from "yaml";
import { planLab } from "#harness/config/plan.ts";
import { found } from "#harness/lib/found.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { refuseKeys, refuseReach, unpackBundle } from "./bundle.ts";
import { differenceLines, planRepro } from "./index.ts";
import { labFiles } from "./lab-files.ts";
import { labOf } from "./lab-of.ts";
import { readSource } from "./read-source.ts";

const folder = (): string => tempFolder("repro");

async function fileOf(name: string, ...documents: object[]): Promise<string> {
  const path = join(folder(), name);
  await writeFile(path, documents.map((d) => toYaml(d)).join("---\n"));
  return path;
}

const values = (name: string, id: number, more: object = {}): object => ({
  cluster: { name, id },
  clustermesh: { useAPIServer: true, apiserver: { service: { type: "LoadBalancer" } } },
  tls: { ca: { key: "c2VjcmV0" } },
  ...more,
});

const agent = {
  kind: "Pod",
  apiVersion: "v1",
  metadata: { name: "cilium-a", namespace: "kube-system", labels: { "k8s-app": "cilium" } },
  spec: { containers: [{ name: "cilium-agent", image: "quay.io/cilium/cilium:v1.19.1@sha256:ab" }] },
};
const pod = (name: string, hash: string): object => ({
  kind: "Pod",
  apiVersion: "v1",
  metadata: {
    name,
    namespace: "shop",
    labels: { app: "cart", "pod-template-hash": hash },
    ownerReferences: [{ kind: "ReplicaSet", name: `cart-${hash}` }],
  },
  spec: { containers: [{ name: "c", image: "shop/cart:7", ports: [{ name: "web", containerPort: 9000 }] }] },
});
const service = {
  kind: "Service",
  apiVersion: "v1",
  metadata: {
    name: "cart",
    namespace: "shop",
    annotations: {
      "service.cilium.io/global": "true",
      "kubectl.kubernetes.io/last-applied-configuration": "{}",
    },
  },
  spec: {
    type: "NodePort",
    clusterIP: "10.101.1.1",
    selector: { app: "cart" },
    ports: [{ port: 80, targetPort: "web", nodePort: 31000 }],
  },
};

const twoClusters = async (more: object = {}): Promise<string[]> => {
  const objects = {
    apiVersion: "v1",
    kind: "List",
    items: [agent, pod("cart-1-x", "1"), pod("cart-1-y", "1"), service],
  };
  return [
    await fileOf("c1.yaml", values("c1", 1, more)),
    await fileOf("c2.yaml", values("c2", 2)),
    ...(await Promise.all(["c1", "c2"].map(async (c) => `${c}=${await fileOf("objects.yaml", objects)}`))),
  ];
};

describe("a source of Helm values and kubectl's YAML", () => {
  test("becomes a lab file that `up` accepts, with equivalent stand-ins", async () => {
    const out = join(folder(), "lab");
    const { labFile, draft } = await planRepro(await twoClusters(), out);
    const plan = await planLab({ lab: "x", labFile });
    expect(plan.clusters.map((c) => [c.name, c.id, c.cilium])).toEqual([
      ["c1", 1, "1.19.1"],
      ["c2", 2, "1.19.1"],
    ]);
    expect(plan.serviceType).toBe("LoadBalancer");
    const [namespace, deployment, cart] = plan.clusters[0]?.manifests ?? [];
    expect(namespace).toMatchObject({ kind: "Namespace", metadata: { name: "shop" } });
    expect(deployment).toMatchObject({
      kind: "Deployment",
      metadata: { name: "cart" },
      spec: { replicas: 2, selector: { matchLabels: { app: "cart" } } },
    });
    expect(JSON.stringify(deployment)).toContain("--http-port=9000");
    // The service sends to it by name.
    expect(JSON.stringify(deployment)).toContain('{"containerPort":9000,"name":"web"}');
    expect(draft.differences.find((d) => d.field === "Service shop/cart")?.inLab).toBe(
      "without node ports by number",
    );
    expect(cart).toMatchObject({ metadata: { annotations: { "service.cilium.io/global": "true" } } });
    expect(JSON.stringify(cart)).not.toMatch(/clusterIP|nodePort|last-applied/);
    expect(draft.differences.find((d) => d.field === "value tls")?.inLab).toMatch(/the lab's own$/);
    expect(await readFile(labFile, "utf8")).not.toContain("c2VjcmV0");
  });

  test("omissions are reported: clusterwide policies, kube-proxy, mesh settings", async () => {
    const clusterwide = {
      kind: "CiliumClusterwideNetworkPolicy",
      apiVersion: "cilium.io/v2",
      metadata: { name: "deny-all" },
      spec: { endpointSelector: {}, ingress: [] },
    };
    const files = await twoClusters({
      kubeProxyReplacement: "false",
      clustermesh: { annotations: { a: "b" } },
    });
    files.push(`c1=${await fileOf("wide.yaml", clusterwide)}`);
    const { draft } = await planRepro(files, join(folder(), "lab"));
    const reported = new Map(
      draft.differences.filter((d) => d.cluster === "c1").map((d) => [d.field, d.inLab]),
    );
    expect(reported.get("CiliumClusterwideNetworkPolicy deny-all")).toContain("for pods of shop only");
    expect(reported.get("kubeProxyReplacement")).toContain("no kube-proxy");
    expect(reported.get("value clustermesh.annotations")).toBe("left out");
    expect(JSON.stringify(draft.clusters[0]?.values)).not.toContain("kubeProxyReplacement");
    expect(JSON.stringify(draft.clusters[0]?.manifests)).toContain(
      '"matchExpressions":[{"key":"k8s:io.kubernetes.pod.namespace","operator":"In","values":["shop"]}]',
    );
  });

  test("services without ports and policies with several specs are kept unchanged", async () => {
    const objects = [
      {
        kind: "Service",
        apiVersion: "v1",
        metadata: { name: "away", namespace: "shop" },
        spec: { type: "ExternalName", externalName: "pay.example" },
      },
      {
        kind: "CiliumNetworkPolicy",
        apiVersion: "cilium.io/v2",
        metadata: { name: "two", namespace: "shop" },
        specs: [{ endpointSelector: {} }],
      },
    ];
    const files = await twoClusters();
    for (const [i, o] of objects.entries()) files.push(`c1=${await fileOf(`${i}.yaml`, o)}`);
    const { draft } = await planRepro(files, join(folder(), "lab"));
    const manifests = draft.clusters[0]?.manifests ?? [];
    expect(manifests.find((m) => m.kind === "CiliumNetworkPolicy")).toMatchObject({
      specs: [{ endpointSelector: {} }],
    });
    expect(JSON.stringify(manifests)).toContain("pay.example");
  });

  test("an existing lab file is not overwritten", async () => {
    const out = folder();
    const files = await twoClusters();
    await planRepro(files, out);
    await expect(planRepro(files, out)).rejects.toThrow("already exists");
  });
});

describe("where a lab cannot be like its source", () => {
  test("features that the local kernel lacks are reported and replaced", async () => {
    const source = await readSource(
      await twoClusters({ tunnelProtocol: "geneve", encryption: { enabled: true } }),
    );
    const { clusters, differences } = labOf(source, []);
    expect(clusters[0]?.values.tunnelProtocol).toBe("vxlan");
    const reported = differences.filter((d) => d.matters === "yes").map((d) => [d.part, d.field]);
    expect(reported).toEqual([
      ["source", "tunnel-protocol differs"],
      ["source", "encryption differs"],
      ["unavailable", "encryption.enabled"],
      ["unavailable", "tunnelProtocol"],
    ]);
  });

  test("large numbers of nodes and replicas are scaled down and reported", async () => {
    const source = await readSource(await twoClusters());
    const { clusters, differences } = labOf(
      source.map((c) => ({ ...c, workers: 40, controlPlanes: 3 })),
      [],
    );
    expect(clusters[0]?.kindConfig.nodes).toHaveLength(3);
    expect(differences.find((d) => d.field === "worker nodes")).toMatchObject({ inSource: "40", inLab: "2" });
  });
});

describe("bad input is refused by name", () => {
  test("one cluster alone", async () => {
    await expect(readSource([await fileOf("a.yaml", values("c1", 1))])).rejects.toThrow("only cluster c1");
  });

  test("a file that does not name its cluster", async () => {
    const files = [...(await twoClusters()), await fileOf("pods.yaml", agent)];
    await expect(readSource(files)).rejects.toThrow("does not name its cluster");
  });

  test("a cluster whose version is in no file", async () => {
    const files = [await fileOf("a.yaml", values("c1", 1)), await fileOf("b.yaml", values("c2", 2))];
    await expect(readSource(files).then((source) => labOf(source, []))).rejects.toThrow(
      "does not contain the Cilium version of c1",
    );
  });

  test("a file with neither values nor objects", async () => {
    const path = join(folder(), "x.yaml");
    await writeFile(path, "");
    await expect(readSource([path])).rejects.toThrow("neither Helm values nor Kubernetes objects");
    await writeFile(path, "a: [");
    await expect(readSource([path])).rejects.toThrow("is not YAML");
  });
});

test("the files of a plan are plain YAML, because users edit them", async () => {
  const out = join(folder(), "lab");
  await planRepro(await twoClusters(), out);
  const text = await readFile(join(out, "c1.manifests.yaml"), "utf8");
  expect(text).not.toMatch(/[&*]a\d/);
  expect(parseYaml(text.split("---\n", 1).join(""))).toMatchObject({ kind: "Namespace" });
});

describe("a bundle", () => {
  test("contains everything to plan the same lab again", async () => {
    const { labFile } = await planRepro(await twoClusters(), join(folder(), "lab"));
    const plan = await planLab({ lab: "x", labFile });
    const path = join(folder(), "b.zip");
    const files = {
      ...labFiles(plan),
      "meshproof-bundle.json": JSON.stringify({
        meshproofBundle: 1,
        imageSource: "source",
        faults: ["wrong-ca"],
      }),
    };
    await writeFile(
      path,
      zipSync(Object.fromEntries(Object.entries(files).map(([n, t]) => [n, strToU8(t)]))),
    );
    const unpacked = found(await unpackBundle(path, join(folder(), "out")), "bundle");
    expect(unpacked.faults).toEqual(["wrong-ca"]);
    expect(await planLab({ lab: "x", labFile: unpacked.labFile })).toEqual(plan);
  });

  test.each([
    ["a mount of the host", "nodes: [{ role: worker, extraMounts: [{ hostPath: / }] }]", "extraMounts"],
    ["a pod of the host", 'spec: { "hostPID": true }', "hostPID"],
    ["an API server for everybody", "networking: { apiServerAddress: 0.0.0.0 }", "apiServerAddress"],
    ["a folder of a node", "kind: PersistentVolume", "contains a PersistentVolume"],
    ["rights in the cluster", "kind: ClusterRoleBinding", "contains a ClusterRoleBinding"],
    ["a script on the nodes", "values: { nodeinit: { enabled: true } }", "nodeinit"],
    ["an image of its own", "containers: [{ image: evil }]", "image evil"],
    ["a file elsewhere", "clusters: [{ kindConfig: ../../etc/passwd }]", "kindConfig ../../etc/passwd"],
    ["a checkout", "clusters: [{ cilium: /src }]", "cilium /src"],
  ])("is refused if it has access outside the lab: %s", (_what, text, named) => {
    expect(() => refuseReach("x.yaml", text)).toThrow(named);
  });

  test("is refused if it would contain a private key, plain or encoded", () => {
    const key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE";
    expect(() => refuseKeys("lab.yaml", "cilium: 1.19.4")).not.toThrow();
    expect(() => refuseKeys("lab.yaml", key)).toThrow("lab.yaml would contain a private key");
    expect(() => refuseKeys("lab.yaml", `key: ${Buffer.from(key).toString("base64")}`)).toThrow(
      "private key",
    );
  });
});

test("a line break in a file begins no line of the plan", () => {
  const row = { cluster: "a", field: "x\r\ny", inSource: "1\n0 failed", inLab: "2", part: "other" } as const;
  const differs = { ...row, difference: "differs", matters: "no" } as const;
  expect(differenceLines([differs, { ...row, difference: "", matters: "no" }])).toEqual([
    "Other differences:",
    "a: x\\ny: 1\\n0 failed; in the lab: 2 (does it matter: no)",
    "",
    "The same in the lab:",
    "x\\ny: a 1\\n0 failed",
    "",
  ]);
});
