import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type FakeApiServer, fakeApiServer, objectAnswer } from "#harness/kube/fake-api-server.ts";
import { discoverCluster } from "./discover-cluster.ts";

const networks = vi.hoisted(() => new Map<string, string[]>());
vi.mock("#harness/platform/docker.ts", () => ({
  networksOfContainer: async (name: string) => networks.get(name) ?? [],
}));

let server: FakeApiServer;
beforeEach(async () => {
  server = await fakeApiServer();
  allow(true);
  hold("/api/v1/namespaces/kube-system/configmaps/cilium-config", {
    data: { "cluster-name": "east", "cluster-id": "7", "routing-mode": "native" },
  });
  for (const [i, name] of ["a-control-plane", "a-worker"].entries()) {
    hold(`/api/v1/nodes/${name}`, {
      metadata: { name },
      status: { nodeInfo: { kubeletVersion: "v1.34.4" } },
    });
    hold(`/apis/cilium.io/v2/ciliumnodes/${name}`, {
      metadata: { name },
      spec: { ipam: { podCIDRs: [`10.1.${i}.0/24`] } },
    });
  }
  hold("/api/v1/namespaces/kube-system/pods/cilium-x", {
    metadata: { name: "cilium-x", labels: { "k8s-app": "cilium" } },
    spec: { containers: [{ name: "cilium-agent", image: "quay.io/cilium/cilium:v1.19.4@sha256:1" }] },
  });
});
afterEach(async () => {
  networks.clear();
  await server[Symbol.asyncDispose]();
});

const hold = (path: string, object: unknown): void => void server.objects.set(path, JSON.stringify(object));
const allow = (allowed: boolean): void =>
  server.answer(
    "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    ...Array.from({ length: 500 }, () => objectAnswer({ status: { allowed } })),
  );
const discover = () => discoverCluster("c1", server.kubeconfig);

describe("an external cluster, read from its API server", () => {
  test("is planned from its own objects, without a kind Config", async () => {
    expect(await discover()).toEqual({
      kind: "external",
      name: "east",
      id: 7,
      podCidr: "10.1.0.0/23",
      serviceCidr: "unknown",
      kubernetes: "1.34.4",
      cilium: "1.19.4",
      context: "c1",
      kubeconfig: server.kubeconfig,
      networks: [],
      hasApiserver: false,
      hasKvstoreMesh: false,
      routesNatively: true,
      assignsLoadBalancerIPs: false,
    });
  });

  test("has clustermesh-apiserver and KVStoreMesh if their objects exist", async () => {
    hold("/apis/apps/v1/namespaces/kube-system/deployments/clustermesh-apiserver", {});
    expect(await discover()).toMatchObject({ hasApiserver: true, hasKvstoreMesh: false });
    hold("/api/v1/namespaces/kube-system/secrets/cilium-kvstoremesh", {});
    expect(await discover()).toMatchObject({ hasApiserver: true, hasKvstoreMesh: true });
  });

  test("has local nodes only if all of them are containers of this machine", async () => {
    networks.set("a-worker", ["kind"]);
    expect((await discover()).networks).toEqual([]);
    networks.set("a-control-plane", ["kind"]);
    expect((await discover()).networks).toEqual(["kind"]);
  });

  test("has an IPv6 pod CIDR if its nodes have one", async () => {
    hold("/apis/cilium.io/v2/ciliumnodes/a-worker", {
      metadata: { name: "a-worker" },
      spec: { ipam: { podCIDRs: ["10.1.1.0/24", "fd00:10:1:1::/64"] } },
    });
    expect(await discover()).toMatchObject({ podCidr: "10.1.0.0/23", podCidr6: "fd00:10:1:1::/64" });
  });

  test("is refused without rights, Cilium's id or pod CIDRs, naming what is missing", async () => {
    for (const name of ["a-control-plane", "a-worker"])
      hold(`/apis/cilium.io/v2/ciliumnodes/${name}`, { metadata: { name }, spec: { ipam: {} } });
    await expect(discover()).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining("no IPv4 pod CIDRs"),
    });
    hold("/api/v1/namespaces/kube-system/configmaps/cilium-config", { data: { "cluster-name": "east" } });
    await expect(discover()).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining("context c1 has no cilium-config with a cluster name and id"),
    });
    allow(false);
    await expect(discover()).rejects.toMatchObject({
      code: "usage",
      message: expect.stringMatching(/context c1 lacks the rights: .*create pods\/exec/),
    });
  });
});
