import { Kube, type KubeObject, kinds } from "#harness/kube/kube.ts";
import { coveringCidr } from "#harness/lib/cidr.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { before } from "#harness/lib/names.ts";
import type { PlannedCluster } from "#harness/model/lab-plan.ts";
import { networksOfContainer } from "#harness/platform/docker.ts";
import type { ClusterNode } from "../kind/kind-cluster.ts";
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

/** All that the suites do in a cluster that is somebody's own; objects are applied, which is a patch. */
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

/** A meshed cluster as its own API server tells it; rights that are missing are named, all of them. */
export async function ownCluster(context: string, kubeconfig: string): Promise<PlannedCluster> {
  const kube = new Kube(context, kubeconfig, context);
  const allowed = await Promise.all(rights.map((right) => kube.may(right)));
  const refused = rights.filter((_, i) => !allowed[i]);
  const missing = [
    ...Map.groupBy(refused, ({ resource, subresource }) => [resource, subresource ?? []].flat().join("/")),
  ].map(([what, all]) => `${all.map((r) => r.verb).join("/")} ${what}`);
  if (missing.length > 0)
    throw new MeshproofError("usage", `context ${context} may not: ${missing.join(", ")}`, {
      cure: "use a context that may, such as a cluster administrator's",
    });
  const config = (await kube.get(kinds.configMap, "kube-system", "cilium-config"))?.data as
    | Record<string, string>
    | undefined;
  const name = config?.["cluster-name"];
  const id = Number(config?.["cluster-id"]);
  if (name === undefined || !(id > 0))
    throw new MeshproofError("usage", `context ${context} has no cilium-config with a cluster name and id`, {
      cure: "name the contexts of clusters that Cilium meshes",
    });
  const [nodes, ciliumNodes, agents] = await Promise.all([
    kube.list(kinds.node),
    kube.list(kinds.ciliumNode),
    kube.list(kinds.pod, "kube-system", agentSelector),
  ]);
  const image = String(
    agents[0]?.spec.containers.find((c: { name: string }) => c.name === "cilium-agent")?.image,
  );
  const podCidrs = ciliumNodes
    .flatMap((n) => (n.spec?.ipam?.podCIDRs ?? []) as string[])
    .filter((c) => !c.includes(":"));
  // Nodes that are containers of this machine can be looked into; others can only be asked.
  const networks = await Promise.all(nodes.map((n) => networksOfContainer(n.metadata.name)));
  return {
    name,
    id,
    podCidr: coveringCidr(podCidrs),
    serviceCidr: "not told",
    kubernetes: String(nodes[0]?.status?.nodeInfo?.kubeletVersion).replace(/^v/, ""),
    cilium: /v?(\d+\.\d+\.\d+)/.exec(before(image, "@"))?.[1] ?? "unknown",
    kindConfig: {
      kind: "Cluster",
      apiVersion: "kind.x-k8s.io/v1alpha4",
      networking: {
        podSubnet: coveringCidr(podCidrs),
        serviceSubnet: "not told",
        disableDefaultCNI: true,
        kubeProxyMode: "none",
      },
      nodes: nodes.map((n) => ({ role: roleOf(n) })),
    },
    values: {
      clustermesh: {
        apiserver: {
          kvstoremesh: {
            enabled: (await kube.get(kinds.secret, "kube-system", "cilium-kvstoremesh")) !== undefined,
          },
        },
      },
    },
    own: {
      kubeconfig,
      context,
      networks: networks.every((n) => n.length > 0) ? [...new Set(networks.flat())] : [],
      givesAddresses: false,
    },
  };
}

const roleOf = (n: KubeObject): ClusterNode["role"] =>
  "node-role.kubernetes.io/control-plane" in (n.metadata.labels ?? {}) ? "control-plane" : "worker";

/** The nodes of such a cluster: their state is their API server's word. */
export async function ownNodes(kube: Kube): Promise<ClusterNode[]> {
  return (await kube.list(kinds.node))
    .map((n) => ({
      name: n.metadata.name,
      role: roleOf(n),
      address: String(
        (n.status.addresses as { type: string; address: string }[]).find((a) => a.type === "InternalIP")
          ?.address,
      ),
      running: true,
      state: "running",
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
