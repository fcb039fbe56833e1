// Two clusters with pods and a policy, for tests.
import type { UserPolicy } from "#harness/model/what-if.ts";
import { labelFilter } from "./identity-label-filter.ts";
import type { MeshPod, PolicyCluster } from "./policy-clusters.ts";

/** `own`: labels in Kubernetes; the identity has those that the filter `kept` keeps. */
export function examplePod(
  cluster: "east" | "west",
  name: string,
  { own = { app: name }, kept = "", ips = [] }: Partial<ExamplePod> = {},
): MeshPod {
  const keeps = labelFilter({ settings: { labels: kept } });
  const labels = Object.fromEntries(Object.entries(own).filter(([key]) => keeps?.(key) === true));
  return {
    ...{ title: `shop/${name}`, labels: own, ips },
    ports: [{ port: 8080, protocol: "TCP" }],
    model: { cluster, namespace: "shop", labels, namespaceLabels: {}, serviceAccount: "default" },
  };
}

interface ExamplePod {
  readonly own: Readonly<Record<string, string>>;
  readonly kept: string;
  readonly ips: readonly string[];
}

/** East's pods are of 10.1.0.0/16, and west's of 10.2.0.0/16. */
export const exampleCluster = (name: "east" | "west", over: Partial<PolicyCluster> = {}): PolicyCluster => ({
  ...{ name, version: "1.20.2", settings: {}, isLocal: true, policies: [] },
  enforcement: "default",
  pods: [examplePod(name, "cart"), examplePod(name, "client")],
  ranges: { sure: [name === "east" ? "10.1.0.0/16" : "10.2.0.0/16"], likely: [] },
  nodeIps: [name === "east" ? "192.0.2.1" : "192.0.2.2"],
  ...over,
});

export const examplePolicy = (
  spec: Readonly<Record<string, unknown>>,
  kind: UserPolicy["kind"] = "CiliumNetworkPolicy",
): UserPolicy => ({
  ...{ kind, name: "cart", namespace: kind === "CiliumClusterwideNetworkPolicy" ? "" : "shop" },
  specs: [{ path: "spec", spec }],
});
