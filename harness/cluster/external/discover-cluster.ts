import { Kube, kinds } from "#harness/kube/kube.ts";
import { coveringCidr } from "#harness/lib/cidr.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { before } from "#harness/lib/names.ts";
import type { PlannedExternalCluster } from "#harness/model/lab-plan.ts";
import { networksOfContainer } from "#harness/platform/docker.ts";
import { agentSelector } from "../selectors.ts";

/** Kinds of what the suites make, in namespaces of their own. */
const made = [
  ["", "namespaces"],
  ["", "services"],
  ["apps", "deployments"],
  ["apps", "daemonsets"],
  ["cilium.io", "ciliumnetworkpolicies"],
  ["networking.k8s.io", "networkpolicies"],
] as const;
/** Kinds of what they look at. */
const looked = [
  ["", "nodes"],
  ["", "pods"],
  ["discovery.k8s.io", "endpointslices"],
  ["cilium.io", "ciliumnodes"],
  ["cilium.io", "ciliumendpoints"],
  ["cilium.io", "ciliumidentities"],
] as const;

interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
}

/** All that the suites do in an external cluster; objects are applied, which is a patch. */
const rights: readonly Right[] = [
  ...made.flatMap(([group, resource]) =>
    ["create", "patch", "delete", "get", "list", "watch"].map((verb) => ({ verb, group, resource })),
  ),
  ...looked.flatMap(([group, resource]) => ["list", "watch"].map((verb) => ({ verb, group, resource }))),
  { verb: "create", group: "", resource: "pods", subresource: "exec" },
  { verb: "get", group: "", resource: "pods", subresource: "log" },
  { verb: "get", group: "", resource: "configmaps" },
  { verb: "get", group: "", resource: "secrets" },
];

/**
 * The plan of a meshed cluster, read from its API server. Throws `usage` where rights are missing, naming all of them,
 * and where Cilium gives the cluster no name and id or its nodes no pod CIDRs. The kubeconfig was checked before.
 */
export async function discoverCluster(context: string, kubeconfig: string): Promise<PlannedExternalCluster> {
  const kube = new Kube(context, kubeconfig, context);
  await requireRights(kube, context);
  const config = (await kube.get(kinds.configMap, "kube-system", "cilium-config"))?.data as
    | Record<string, string>
    | undefined;
  const name = config?.["cluster-name"];
  const id = Number(config?.["cluster-id"]);
  if (name === undefined || !(id > 0))
    throw new MeshproofError("usage", `context ${context} has no cilium-config with a cluster name and id`, {
      remedy: "name the contexts of clusters that Cilium meshes",
    });
  const [nodes, ciliumNodes, agents, apiserver, kvstoreMesh] = await Promise.all([
    kube.list(kinds.node),
    kube.list(kinds.ciliumNode),
    kube.list(kinds.pod, "kube-system", agentSelector),
    kube.get(kinds.deployment, "kube-system", "clustermesh-apiserver"),
    kube.get(kinds.secret, "kube-system", "cilium-kvstoremesh"),
  ]);
  const image = String(
    agents[0]?.spec.containers.find((c: { name: string }) => c.name === "cilium-agent")?.image,
  );
  const podCidrs = ciliumNodes.flatMap((n) => (n.spec?.ipam?.podCIDRs ?? []) as string[]);
  const podCidrs4 = podCidrs.filter((c) => !c.includes(":"));
  const podCidrs6 = podCidrs.filter((c) => c.includes(":"));
  if (podCidrs4.length === 0)
    throw new MeshproofError("usage", `the CiliumNodes of context ${context} have no IPv4 pod CIDRs`, {
      remedy: "use clusters whose IPAM gives every node a pod CIDR: cluster-pool or kubernetes",
    });
  return {
    kind: "external",
    name,
    id,
    podCidr: coveringCidr(podCidrs4),
    ...(podCidrs6.length === 0 ? {} : { podCidr6: coveringCidr(podCidrs6) }),
    serviceCidr: "unknown",
    kubernetes: String(nodes[0]?.status?.nodeInfo?.kubeletVersion).replace(/^v/, ""),
    cilium: /v?(\d+\.\d+\.\d+)/.exec(before(image, "@"))?.[1] ?? "unknown",
    context,
    kubeconfig,
    networks: await localNetworks(nodes.map((n) => n.metadata.name)),
    hasApiserver: apiserver !== undefined,
    hasKvstoreMesh: apiserver !== undefined && kvstoreMesh !== undefined,
    routesNatively: config?.["routing-mode"] === "native",
    // Asked for once suites may create a service.
    assignsLoadBalancerIPs: false,
  };
}

async function requireRights(kube: Kube, context: string): Promise<void> {
  const allowed = await Promise.all(rights.map((right) => kube.can(right)));
  const refused = rights.filter((_, i) => !allowed[i]);
  const missing = [
    ...Map.groupBy(refused, ({ resource, subresource }) => [resource, subresource ?? []].flat().join("/")),
  ].map(([what, all]) => `${all.map((r) => r.verb).join("/")} ${what}`);
  if (missing.length > 0)
    throw new MeshproofError("usage", `context ${context} may not: ${missing.join(", ")}`, {
      remedy: "use a context that may, such as a cluster administrator's",
    });
}

/** The Docker networks of nodes that are all containers of this machine; none where one is not. */
async function localNetworks(nodes: readonly string[]): Promise<string[]> {
  const networks = await Promise.all(nodes.map((n) => networksOfContainer(n)));
  return networks.every((n) => n.length > 0) ? [...new Set(networks.flat())] : [];
}
