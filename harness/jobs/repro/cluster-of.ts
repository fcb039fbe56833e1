import semver from "semver";
import { pins } from "#harness/config/pins.ts";
import { mergeValues } from "#harness/config/plan.ts";
import { present } from "#harness/lib/present.ts";
import type { Note, SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import { listOf } from "#harness/semantics/policy-model.ts";
import type { Networking, Part } from "./part.ts";
import { networks, podNetworkOf } from "./pod-network.ts";
import { at, flagOf, isPlaceholder, typed } from "./values-at.ts";

type Values = Readonly<Record<string, unknown>>;

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
  const objects = parts.flatMap((p) => p.objects);
  const of = (...kinds: string[]): SourceObject[] => objects.filter((o) => kinds.includes(o.kind ?? ""));
  const given = parts.reduce<Record<string, unknown>>((all, p) => mergeValues(all, p.values ?? {}), {});
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
  notes.push(...cilium.notes, ...placeholders(given));
  return {
    name,
    sources: [...new Set(parts.map((p) => p.source))],
    ...present({
      id: Number.isInteger(id) && id >= 0 ? id : undefined,
      kubernetes: (info?.kubeletVersion ?? networking.kubernetesVersion)?.replace(/^v/, ""),
      cilium: cilium.version,
      kernel: info?.kernelVersion,
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

/** Objects without a namespace are in `default`, where kubectl puts them. */
const inNamespace = (o: SourceObject): SourceObject => ({
  ...o,
  metadata: { ...o.metadata, namespace: o.metadata.namespace ?? "default" },
});

interface FoundVersion {
  readonly version: string | undefined;
  readonly notes: readonly Note[];
}

/** From the running agents, else from the image in the values, else from the chart. */
function versionOf(objects: readonly SourceObject[], values: Values, parts: readonly Part[]): FoundVersion {
  const images = objects
    .flatMap((o) => [o.spec, o.spec?.template?.spec])
    .flatMap((spec) => listOf(spec?.containers))
    .filter((c) => c.name === "cilium-agent")
    .map((c) => tagOf(typeof c.image === "string" ? c.image : undefined));
  const image = at(values, "image.override") ?? at(values, "image.tag");
  const labels = objects
    .filter((o) => o.metadata.labels?.["k8s-app"] === "cilium")
    .map((o) => o.metadata.labels?.["app.kubernetes.io/version"] ?? o.metadata.labels?.["helm.sh/chart"]);
  const written = [
    ...images,
    typeof image === "string" ? tagOf(image) : undefined,
    ...labels,
    ...parts.map((p) => p.version),
  ];
  const found = written.filter((w) => w !== undefined && /\d+\.\d+\.\d+/.test(w) && !isRange(w));
  const notes: Note[] = [];
  const running = new Set(images.filter((i) => i !== undefined));
  if (running.size > 1)
    notes.push({
      field: "Cilium",
      inSource: `agents of several versions: ${[...running].join(", ")}`,
      inLab: "one version for all agents",
      matters: "perhaps",
      part: "source",
    });
  const [tag] = found;
  if (tag === undefined) {
    const guess = newestOf(written);
    if (guess !== undefined)
      notes.push({
        field: "Cilium",
        inSource: `${guess.range}, of which no file says the release that runs`,
        inLab: `${guess.version}, the newest of it that this Meshproof knows`,
        matters: "perhaps",
        part: "other",
      });
    return { version: guess?.version, notes };
  }
  const [, version = "", suffix = ""] = /v?(\d+\.\d+\.\d+)(.*)$/.exec(tag) ?? [];
  if (suffix !== "")
    notes.push({
      field: "Cilium's build",
      inSource: tag,
      inLab: `${version}: the release of that number, without what ${suffix} adds`,
      matters: "perhaps",
      part: "unavailable",
    });
  return { version, notes };
}

/** A chart's range, such as `1.18.x` or `>=1.18.0 <1.19.0`, and not one version. */
const isRange = (text: string): boolean => /[<>~^|*\s]|\.x\b/.test(text);

/** Of a chart's range, the newest release that this Meshproof knows. */
function newestOf(
  written: readonly (string | undefined)[],
): { readonly range: string; readonly version: string } | undefined {
  const known = Object.values(pins.minors).map((m) => m.cilium);
  for (const range of written) {
    if (range === undefined || !/\d/.test(range)) continue;
    const version = semver.maxSatisfying(known, range);
    if (version !== null) return { range, version };
  }
  return undefined;
}

/** The tag of an image, without its digest; of a plain tag itself. */
function tagOf(image: string | undefined): string | undefined {
  const name = image?.split("@")[0];
  return name === undefined || name === "" ? undefined : name.slice(name.lastIndexOf(":") + 1);
}

/** Values that a template or a shell would fill in: they are not known. */
function placeholders(values: Values, path = ""): Note[] {
  return Object.entries(values).flatMap(([key, value]): Note[] => {
    const place = path === "" ? key : `${path}.${key}`;
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return placeholders(value as Values, place);
    if (!isPlaceholder(value)) return [];
    return [
      {
        field: `value ${place}`,
        inSource: `${String(value).slice(0, 60)}: a placeholder`,
        inLab: "not known",
        matters: "perhaps",
        part: "other",
      },
    ];
  });
}
