import { parseYamlObjects } from "#harness/config/yaml-objects.ts";
import { networkOf } from "#harness/lib/cidr.ts";
import { present } from "#harness/lib/present.ts";
import { isMapping, mappingsIn } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import type { Networking } from "./part.ts";
import { groupOf } from "./unwrap.ts";
import { at } from "./values-at.ts";

type Values = Record<string, unknown>;

interface NetworksKind {
  /** Undefined for files without a kind. */
  readonly kind: string | undefined;
  /** The API group, without its version. */
  readonly group: string;
  readonly pods: string;
  readonly services: string;
  readonly kubernetes?: string;
  /** What the program takes if the object says nothing of pods or of services. */
  readonly usualPods?: string;
  readonly usualServices?: string;
  /** A place without which that is not so. */
  readonly usualWith?: string;
  /** Whether the object is of another cluster, which manages the one of its name. */
  readonly isManaged?: true;
}

/** Where the configuration of a distribution says the networks of its cluster. */
const networksKinds: readonly NetworksKind[] = [
  {
    kind: "ClusterConfiguration",
    group: "kubeadm.k8s.io",
    pods: "networking.podSubnet",
    services: "networking.serviceSubnet",
    kubernetes: "kubernetesVersion",
    // Kubeadm, v1beta3 and v1beta4.
    usualServices: "10.96.0.0/12",
  },
  {
    kind: "Cluster",
    group: "kind.x-k8s.io",
    pods: "networking.podSubnet",
    services: "networking.serviceSubnet",
  },
  {
    kind: "ClusterConfig",
    group: "k0s.k0sproject.io",
    pods: "spec.network.podCIDR",
    services: "spec.network.serviceCIDR",
  },
  {
    kind: "Cluster",
    group: "k0sctl.k0sproject.io",
    pods: "spec.k0s.config.spec.network.podCIDR",
    services: "spec.k0s.config.spec.network.serviceCIDR",
  },
  {
    kind: "KubeOneCluster",
    group: "kubeone.k8c.io",
    pods: "clusterNetwork.podSubnet",
    services: "clusterNetwork.serviceSubnet",
  },
  {
    // Of Cluster API, v1alpha2 to v1beta2.
    kind: "Cluster",
    group: "cluster.x-k8s.io",
    pods: "spec.clusterNetwork.pods.cidrBlocks",
    services: "spec.clusterNetwork.services.cidrBlocks",
    kubernetes: "spec.topology.version",
    isManaged: true,
  },
  {
    // Of Rancher, for RKE2 and K3s: both have the same defaults (docs.rke2.io, server configuration).
    kind: "Cluster",
    group: "provisioning.cattle.io",
    pods: "spec.rkeConfig.machineGlobalConfig.cluster-cidr",
    services: "spec.rkeConfig.machineGlobalConfig.service-cidr",
    kubernetes: "spec.kubernetesVersion",
    usualPods: "10.42.0.0/16",
    usualServices: "10.43.0.0/16",
    // An imported cluster has its own configuration.
    usualWith: "spec.rkeConfig",
    isManaged: true,
  },
  // RKE2 and K3s.
  { kind: undefined, group: "", pods: "cluster-cidr", services: "service-cidr" },
];

/** Flags of static pods that kubeadm's `extraArgs` set in place of its own. */
const flags = {
  podSubnet: ["controllerManager", "cluster-cidr"],
  serviceSubnet: ["apiServer", "service-cluster-ip-range"],
} as const;

interface ReadNetworks {
  readonly networking: Networking;
  readonly notes: readonly Note[];
  /** Of an object that manages a cluster: what it calls it. Cilium's cluster.name may be another one. */
  readonly managed?: string;
}

/** The networks of a cluster as a distribution's own configuration says them; undefined of any other document. */
export function networksOf(document: Values, path: string): ReadNetworks | undefined {
  const inMap = document.kind === "ConfigMap" ? at(document, "data.ClusterConfiguration") : undefined;
  // Where kubeadm keeps its configuration in the cluster: kube-system/kubeadm-config.
  if (typeof inMap === "string" && /kubeadm\.k8s\.io/.test(inMap)) {
    const place = `${path}, data.ClusterConfiguration`;
    const [inner] = parseYamlObjects(inMap, place);
    return isMapping(inner?.value) ? networksOf(inner.value, place) : undefined;
  }
  const of = networksKinds.find((k) => k.kind === document.kind && k.group === groupOf(document.apiVersion));
  if (of === undefined) return undefined;
  const isUsual = of.usualWith === undefined || isMapping(at(document, of.usualWith));
  const usual = isUsual ? of : undefined;
  const given = {
    podSubnet: argumentOf(document, flags.podSubnet) ?? at(document, of.pods) ?? usual?.usualPods,
    serviceSubnet:
      argumentOf(document, flags.serviceSubnet) ?? at(document, of.services) ?? usual?.usualServices,
  };
  const notes: Note[] = [];
  const networking: Record<string, string> = {};
  for (const [key, value] of Object.entries(given)) {
    const items = (Array.isArray(value) ? value : [value]).flatMap((v) =>
      typeof v === "string" ? v.split(/[\s,]+/).filter((item) => item !== "") : [],
    );
    for (const item of items.filter((i) => networkOf(i) === undefined))
      notes.push({
        field: key,
        inSource: `${item} in ${path}: no CIDR`,
        inLab: "not known: give the file as its tool fills it in",
        matters: "yes",
        part: "other",
      });
    const known = items.flatMap((item) => networkOf(item) ?? []);
    if (known.length > 0) networking[key] = known.join(",");
  }
  const version = of.kubernetes === undefined ? undefined : at(document, of.kubernetes);
  if (typeof version === "string" && /^v?\d+\.\d+\.\d+/.test(version)) networking.kubernetesVersion = version;
  const range = nodePortRangeIn(document);
  if (range !== undefined) networking.nodePortRange = range;
  // Of a file without a kind nothing else tells what it is.
  if (of.kind === undefined && Object.keys(networking).length === 0 && notes.length === 0) return undefined;
  const name = of.isManaged === true ? at(document, "metadata.name") : undefined;
  return { networking, notes, ...present({ managed: typeof name === "string" ? name : undefined }) };
}

/**
 * The range of NodePorts that a document gives the API server, wherever it says so: among kubeadm's `extraArgs`, in
 * patches of kind, as an argument of RKE2 and K3s, in an object of Cluster API.
 */
export const nodePortRangeIn = (document: unknown): string | undefined => {
  const [, first, last] =
    /service-node-port-range[^0-9]{1,24}(\d{1,5})-(\d{1,5})/.exec(JSON.stringify(document) ?? "") ?? [];
  return first === undefined || last === undefined ? undefined : `${first}-${last}`;
};

/** `extraArgs` is a mapping, and since kubeadm's v1beta4 a list of `{ name, value }`. */
function argumentOf(document: Values, [component, flag]: readonly [string, string]): string | undefined {
  const given = at(document, `${component}.extraArgs`);
  const value = Array.isArray(given)
    ? mappingsIn(given).findLast((a) => a.name === flag)?.value
    : isMapping(given)
      ? given[flag]
      : undefined;
  return typeof value === "string" ? value : undefined;
}
