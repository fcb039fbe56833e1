import { mergeValues } from "#harness/config/plan.ts";
import { present } from "#harness/lib/present.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Note, SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import { listOf } from "#harness/semantics/policy-model.ts";
import { nodePortRangeIn } from "./cluster-networks.ts";
import type { Networking, Part } from "./part.ts";
import { networks, podNetworkOf, unusedPools } from "./pod-network.ts";
import { versionOf } from "./running-version.ts";
import { at, flagOf, isPlaceholder, typed, withoutMarks } from "./values-at.ts";

/** Kinds that have a place of their own in a cluster; all others are left out of a lab, by name. */
const workloadKinds = [
  "Deployment",
  "StatefulSet",
  "DaemonSet",
  "ReplicaSet",
  "ReplicationController",
  "Job",
  "CronJob",
];
/** Workloads of other programs, such as Rollout of Argo and CloneSet of OpenKruise, have a Deployment's shape. */
const isLikeDeployment = ({ kind, spec }: SourceObject): boolean =>
  !readKinds.includes(kind ?? "") &&
  typeof spec?.selector === "object" &&
  listOf(spec.template?.spec?.containers).length > 0;
const readKinds = [
  ...["Node", "Pod", "Namespace", "Service", "CiliumNode", "CiliumPodIPPool", "ServiceExport"],
  ...["CiliumNetworkPolicy", "NetworkPolicy", "CiliumClusterwideNetworkPolicy"],
  ...workloadKinds,
];

/** One cluster of the source, from all that its files say; of values, later files take precedence. */
export function clusterOf(name: string, parts: readonly Part[]): SourceCluster {
  const objects = eachOnce(parts.flatMap((p) => p.objects));
  const of = (...kinds: string[]): SourceObject[] => objects.filter((o) => kinds.includes(o.kind ?? ""));
  const marked = parts.reduce<Record<string, unknown>>((all, p) => mergeValues(all, p.values ?? {}), {});
  const below = parts.reduce<Record<string, unknown>>((all, p) => mergeValues(all, p.defaults ?? {}), {});
  const given = withoutMarks(mergeValues(below, marked));
  const values = typed(given) as Record<string, unknown>;
  const config = Object.assign({}, ...parts.map((p) => p.config ?? {})) as Record<string, string>;
  const networking = Object.assign({}, ...parts.map((p) => p.networking ?? {})) as Networking;
  const nodes = of("Node");
  const pods = of("Pod");
  const controlPlanes = nodes.filter((n) =>
    ["control-plane", "master", "controlplane"].some(
      (role) => `node-role.kubernetes.io/${role}` in (n.metadata.labels ?? {}),
    ),
  );
  const info = nodes[0]?.status?.nodeInfo as
    | { readonly kubeletVersion?: string; readonly kernelVersion?: string }
    | undefined;
  const id = Number(config["cluster-id"] ?? at(values, "cluster.id") ?? Number.NaN);
  const notes: Note[] = parts.flatMap((p) => p.notes);
  const cilium = versionOf(objects, values, parts);
  notes.push(...cilium.notes, ...placeholders("value", marked), ...placeholders("setting", config));
  notes.push(...unusedPools({ values, config, objects, networking }));
  return {
    name,
    sources: [...new Set(parts.map((p) => p.source))],
    ...present({
      id: Number.isInteger(id) && id >= 0 ? id : undefined,
      kubernetes: (info?.kubeletVersion ?? networking.kubernetesVersion)?.replace(/^v/, ""),
      cilium: cilium.version,
      kernel: info?.kernelVersion,
      nodePortRange:
        flagOf(pods, "kube-apiserver", "--service-node-port-range") ??
        networking.nodePortRange ??
        managedRange(objects),
    }),
    podNetwork: podNetworkOf({ values, config, objects, networking }),
    serviceCidrs: networks(
      flagOf(pods, "kube-apiserver", "--service-cluster-ip-range") ?? networking.serviceSubnet,
    ),
    controlPlanes: controlPlanes.length,
    workers: nodes.length - controlPlanes.length,
    nodeIps: nodes.flatMap((n) =>
      listOf(n.status?.addresses)
        .filter((a) => a.type === "InternalIP")
        .flatMap((a) => (typeof a.address === "string" ? [a.address] : [])),
    ),
    values,
    written: given,
    config,
    namespaces: of("Namespace"),
    services: of("Service").map(inNamespace),
    pods: pods.map(inNamespace),
    workloads: [...of(...workloadKinds), ...objects.filter(isLikeDeployment)].map(inNamespace),
    policies: of("CiliumNetworkPolicy", "NetworkPolicy").map(inNamespace),
    clusterwide: of("CiliumClusterwideNetworkPolicy"),
    serviceExports: of("ServiceExport").map(inNamespace),
    others: objects.filter((o) => !readKinds.includes(o.kind ?? "") && !isLikeDeployment(o)),
    notes,
  };
}

/** Of an object that manages the cluster, such as a KubeadmControlPlane. */
const managedRange = (objects: readonly SourceObject[]): string | undefined =>
  objects
    .filter(({ kind = "" }) => /ControlPlane|Kubeadm/.test(kind))
    .map(nodePortRangeIn)
    .find((range) => range !== undefined);

/** A backup has an object once for each version of its API, and an archive and a file may both have it: the last counts. */
function eachOnce(objects: readonly SourceObject[]): SourceObject[] {
  const keyOf = ({ kind, apiVersion = "", metadata }: SourceObject, i: number): string =>
    kind === undefined
      ? `${i}`
      : [kind, apiVersion.replace(/\/?[^/]*$/, ""), metadata.namespace ?? "default", metadata.name].join("/");
  return [...new Map(objects.map((o, i) => [keyOf(o, i), o])).values()];
}

/** Objects without a namespace are in `default`, where kubectl puts them. */
const inNamespace = (o: SourceObject): SourceObject => ({
  ...o,
  metadata: { ...o.metadata, namespace: o.metadata.namespace ?? "default" },
});

/** Values that a template or a shell would fill in: they are not known. */
function placeholders(what: "value" | "setting", value: unknown, path = ""): Note[] {
  if (Array.isArray(value)) return value.flatMap((v, i) => placeholders(what, v, `${path}[${i}]`));
  if (isMapping(value))
    return Object.entries(value).flatMap(([key, v]) =>
      placeholders(what, v, path === "" ? key : `${path}.${key}`),
    );
  if (!isPlaceholder(value)) return [];
  return [
    {
      field: `${what} ${path}`,
      inSource: `${String(value).slice(0, 160)}: a placeholder`,
      inLab: "not known",
      matters: "perhaps",
      part: "other",
    },
  ];
}
