import { Kube, kinds } from "#harness/kube/kube.ts";
import { coveringCidr } from "#harness/lib/cidr.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { before } from "#harness/lib/names.ts";
import type { PlannedExternalCluster } from "#harness/model/lab-plan.ts";
import { networksOfContainer } from "#harness/platform/docker.ts";
import { agentSelector } from "../selectors.ts";

/** Kinds that the suites create, in namespaces of their own. */
const createdKinds = [
  ["", "namespaces"],
  ["", "services"],
  ["apps", "deployments"],
  ["apps", "daemonsets"],
  ["cilium.io", "ciliumnetworkpolicies"],
  ["networking.k8s.io", "networkpolicies"],
] as const;
/** Kinds that the suites only read. */
const readKinds = [
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

/** All that the suites do in an external cluster. Server-side apply is a patch. */
const rights: readonly Right[] = [
  ...createdKinds.flatMap(([group, resource]) =>
    ["create", "patch", "delete", "get", "list", "watch"].map((verb) => ({ verb, group, resource })),
  ),
  ...readKinds.flatMap(([group, resource]) => ["list", "watch"].map((verb) => ({ verb, group, resource }))),
  { verb: "create", group: "", resource: "pods", subresource: "exec" },
  { verb: "get", group: "", resource: "pods", subresource: "log" },
  { verb: "get", group: "", resource: "configmaps" },
  { verb: "get", group: "", resource: "secrets" },
];

/** What a look at a mesh needs, which changes nothing: the rest is collected as far as it may be read. */
const rightsToRead: readonly Right[] = [
  ...readKinds.map(([group, resource]) => ({ verb: "list", group, resource })),
  { verb: "get", group: "", resource: "configmaps" },
];

/**
 * The plan of a meshed cluster, read from its API server. Throws `usage`, naming all of them, if rights are missing;
 * and if Cilium has no name and id for the cluster or no pod CIDRs for its nodes. The caller has checked the
 * kubeconfig.
 */
export async function discoverCluster(
  context: string,
  kubeconfig: string,
  purpose: "test" | "read" = "test",
): Promise<PlannedExternalCluster> {
  const kube = new Kube(context, kubeconfig, context);
  await requireRights(kube, context, purpose === "test" ? rights : rightsToRead);
  const config = (await kube.get(kinds.configMap, "kube-system", "cilium-config"))?.data as
    | Record<string, string>
    | undefined;
  const name = config?.["cluster-name"];
  const id = Number(config?.["cluster-id"]);
  if (name === undefined || !(id > 0))
    throw new MeshproofError("usage", `context ${context} has no cilium-config with a cluster name and id`, {
      remedy: "give contexts of clusters that Cilium meshes",
    });
  const [nodes, ciliumNodes, agents, apiserver, kvstoreMesh] = await Promise.all([
    kube.list(kinds.node),
    kube.list(kinds.ciliumNode),
    kube.list(kinds.pod, "kube-system", agentSelector),
    kube.get(kinds.deployment, "kube-system", "clustermesh-apiserver"),
    kube.get(kinds.secret, "kube-system", "cilium-kvstoremesh").catch((error: unknown) => {
      if (purpose === "test") throw error;
      return undefined;
    }),
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
    // Detected later, when suites may create a service.
    assignsLoadBalancerIPs: false,
  };
}

async function requireRights(kube: Kube, context: string, needed: readonly Right[]): Promise<void> {
  const allowed = await Promise.all(needed.map((right) => kube.can(right)));
  const refused = needed.filter((_, i) => !allowed[i]);
  const missing = [
    ...Map.groupBy(refused, ({ resource, subresource }) => [resource, subresource ?? []].flat().join("/")),
  ].map(([what, all]) => `${all.map((r) => r.verb).join("/")} ${what}`);
  if (missing.length > 0)
    throw new MeshproofError("usage", `context ${context} lacks the rights: ${missing.join(", ")}`, {
      remedy: "use a context that has them, such as a cluster administrator's",
    });
}

/** The Docker networks of the nodes, if all nodes are containers of this machine; else none. */
async function localNetworks(nodes: readonly string[]): Promise<string[]> {
  const networks = await Promise.all(nodes.map((n) => networksOfContainer(n)));
  return networks.every((n) => n.length > 0) ? [...new Set(networks.flat())] : [];
}
