import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readManifests } from "#harness/config/lab-file.ts";
import { fakeApiServer } from "#harness/kube/fake-api-server.ts";
import { Kube } from "#harness/kube/kube.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { applyManifests } from "./manifests.ts";

const text = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: only-clients, namespace: shop }
spec:
  podSelector: { matchLabels: { app: cart } }
  ingress:
    - from:
        - podSelector: { matchLabels: { role: client } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: cart }
spec: { replicas: 0, template: { spec: { containers: [{ name: echo, image: meshproof.local/echo }] } } }
---
apiVersion: v1
kind: Namespace
metadata: { name: shop }
`;

test("the objects of a lab file are applied unchanged, namespaces first", async () => {
  await using server = await fakeApiServer();
  const folder = tempFolder("manifests");
  try {
    await writeFile(join(folder, "objects.yaml"), text);
    const objects = await readManifests(join(folder, "lab.yaml"), "objects.yaml");
    const cluster = { name: "c1", kube: new Kube("c1", server.kubeconfig) };
    await applyManifests(cluster, objects, "echo:1", { withinMs: 5000, signal: AbortSignal.timeout(5000) });
    const sent = server.received.filter((r) => r.method === "PATCH");
    expect(sent.map((r) => r.path)).toEqual([
      "/api/v1/namespaces/shop",
      "/apis/apps/v1/namespaces/default/deployments/cart",
      "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/only-clients",
    ]);
    expect(JSON.parse(sent[2]?.body ?? "")).toEqual(objects[0]);
    expect(JSON.parse(sent[2]?.body ?? "").spec.ingress).toEqual([
      { from: [{ podSelector: { matchLabels: { role: "client" } } }] },
    ]);
    expect(sent[1]?.body).toContain('"image":"echo:1"');
  } finally {
    await rm(folder, { recursive: true });
  }
});
