// Evidence for the tests of what-if.
/** Evidence by file name: objects, or text as it is. */
export type Files = Readonly<Record<string, unknown>>;

export const pod = (name: string, labels: Record<string, string>, namespace = "shop") => ({
  metadata: { name, namespace, labels },
  spec: {},
  status: {},
});
export const policy = (
  kind: string,
  name: string,
  spec: unknown,
  namespace: string | undefined = "shop",
) => ({
  kind,
  metadata: { name, ...(namespace === "" ? {} : { namespace }) },
  spec,
});
/** A CiliumNetworkPolicy that lets these peers in. */
export const cilium = (...peers: unknown[]) =>
  policy("CiliumNetworkPolicy", "from", { endpointSelector: {}, ingress: [{ fromEndpoints: peers }] });

/** The evidence of one cluster, by default healthy and without policies. */
export function files(
  name: string,
  setting: string | undefined,
  over: Files = {},
): ReadonlyMap<string, string> {
  const all: Files = {
    "cilium-config.json": {
      "cluster-name": name,
      "enable-node-selector-labels": "true",
      ...(setting === undefined ? {} : { "policy-default-local-cluster": setting }),
    },
    "namespaces.json": [{ metadata: { name: "shop", labels: { team: "red" } } }],
    "pods.json": [],
    "services.json": [],
    "networkpolicies.json": [],
    "ciliumnetworkpolicies.json": [],
    "ciliumclusterwidenetworkpolicies.json": [],
    ...over,
  };
  return new Map(
    Object.entries(all).flatMap(([file, value]) =>
      value === undefined ? [] : [[file, typeof value === "string" ? value : JSON.stringify(value)] as const],
    ),
  );
}

/** Pods of an agent with this image tag. */
export const image = (tag: string) => ({
  "pods.json": [
    {
      metadata: { name: "cilium-1", namespace: "kube-system", labels: { "k8s-app": "cilium" } },
      spec: { containers: [{ name: "cilium-agent", image: `x/cilium:${tag}` }] },
      status: {},
    },
  ],
});
