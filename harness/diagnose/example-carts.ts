// Two clusters with a global service and policies, for tests.
import type { ClusterSnapshot, PolicyObject } from "#harness/model/mesh-snapshot.ts";
import { ok, pod, withSettings } from "./healthy-mesh.ts";

export const localByDefault = "policy-default-local-cluster";
export const clusterLabel = "io.cilium.k8s.policy.cluster";

/** What a cluster of carts has otherwise than usual. */
interface Differing {
  /** One pod of each; those of `cart` are behind global service shop/cart. */
  readonly apps?: readonly string[];
  /** Labels of namespace shop, `team=store`. */
  readonly namespaceLabels?: readonly string[];
}

/** Pods of namespace shop with their identities; cart listens at port 8080. */
export function cartCluster(
  of: ClusterSnapshot,
  id: number,
  { apps = ["cart", "client"], namespaceLabels = ["team=store"] }: Differing = {},
): Partial<ClusterSnapshot> {
  const named = apps.map((app, i) => ({
    ...{ app, name: `${app}-${id}`, ip: `10.${id}.0.${5 + i}`, identity: id * 65536 + 300 + i },
  }));
  const own = named.map(({ app, name, ip }) => pod({ name, ip, node: `node-${id}`, labels: { app } }));
  const others = of.pods.ok ? of.pods.value.filter((p) => p.namespace !== "shop") : [];
  return {
    config: withSettings(of, { [localByDefault]: "true" }).config,
    pods: ok([...own, ...others]),
    slices: ok([
      {
        ...{ namespace: "shop", name: "cart-x", service: "cart", mirrored: false, addressType: "IPv4" },
        ...{ labels: {}, annotations: {}, ports: [{ name: "http", protocol: "TCP", port: 8080 }] },
        endpoints: [
          { addresses: [`10.${id}.0.5`], node: "n", ready: true, serving: true, terminating: false },
        ],
      },
    ]),
    ciliumEndpoints: ok(named.map(({ name, ip, identity }) => ({ namespace: "shop", name, ip, identity }))),
    ciliumIdentities: ok(
      named.map(({ app, identity }) => ({
        id: identity,
        labels: [
          `k8s:app=${app}`,
          ...namespaceLabels.map((label) => `k8s:io.cilium.k8s.namespace.labels.${label}`),
          `k8s:${clusterLabel}=${of.name}`,
          "k8s:io.kubernetes.pod.namespace=shop",
        ],
      })),
    ),
  };
}

export const shopPolicy = (
  spec: Record<string, unknown>,
  over: Partial<PolicyObject> = {},
): PolicyObject => ({
  ...{ kind: "CiliumNetworkPolicy" as const, namespace: "shop", name: "from-clients", paths: ["spec"] },
  specs: [spec],
  ...over,
});

export const labelled = (app: string) => ({ matchLabels: { app } });
