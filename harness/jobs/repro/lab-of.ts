import { release } from "node:os";
import { kubernetesFor } from "#harness/config/pins.ts";
import { mergeValues } from "#harness/config/plan.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { ProfileName } from "#harness/model/profile.ts";
import type { Difference, SourceCluster } from "#harness/model/source-environment.ts";
import { maxClusters } from "#harness/semantics/mesh-settings.ts";
import { misplacedIds, unusedSources } from "./cluster-ids.ts";
import { keep, rangeOfLabs } from "./kept-values.ts";
import { isDualStack, type LabNetwork, labNetworks } from "./lab-networks.ts";
import { unknownPeers } from "./listed-peers.ts";
import { manifestsOf } from "./manifests-of.ts";
import { fromChart } from "./pod-network.ts";
import { Refusals } from "./refusals.ts";
import { type Say, sayOf } from "./say.ts";
import { sourceProblems } from "./source-problems.ts";
import { settingsOf, takenMaximum } from "./source-settings.ts";
import { at, isPlaceholder } from "./values-at.ts";
import { withoutRefused } from "./without-refused.ts";

type Values = Record<string, unknown>;

/** A lab file, its kind Configs and its objects, by cluster; and how it differs from the source environment. */
export interface LabDraft {
  readonly profile: ProfileName;
  readonly serviceType: "LoadBalancer" | "NodePort";
  readonly suites: readonly string[];
  readonly clusters: readonly LabCluster[];
  readonly differences: readonly Difference[];
}

interface LabCluster {
  readonly name: string;
  readonly id: number;
  readonly kubernetes: string;
  readonly cilium: string;
  readonly kindConfig: Record<string, unknown>;
  readonly values: Values;
  readonly manifests: readonly Record<string, unknown>[];
}

/** Enough nodes to behave like a mesh, and few enough for a laptop. */
const mostWorkers = 2;

/**
 * `defects`: suites/known-defects.yaml. `versions`: what `--cilium` gives, by cluster or for all (`""`), where no file
 * tells it.
 */
export function labOf(
  source: readonly SourceCluster[],
  defects: readonly KnownDefect[],
  versions: Readonly<Record<string, string>> = {},
): LabDraft {
  const known = source.map((c) => {
    const cilium = versions[c.name] ?? c.cilium ?? versions[""];
    return cilium === undefined ? c : { ...c, cilium };
  });
  const differences: Difference[] = sourceProblems(known, defects);
  differences.push(...unknownPeers(known));
  for (const c of known)
    for (const { ofNoCluster, ...note } of c.notes)
      differences.push({
        cluster: ofNoCluster === true ? "unknown cluster" : c.name,
        ...note,
        difference: "differs",
      });
  const lab = {
    profile: profileOf(known),
    serviceType: serviceTypeOf(found(known[0], "cluster in the source environment")),
  };
  const networks = labNetworks(known);
  const most = takenMaximum(known.map((c) => maxClusters(settingsOf(c))));
  const ids = labIds(known, most);
  const hasSeveral = ids.filter((id) => id === undefined).length > 1;
  const refusals = new Refusals();
  const clusters = known.flatMap((c, i) => {
    const made = refusals.attempt(() =>
      labCluster(
        c,
        {
          ...lab,
          most,
          id: ids[i] ?? refuseId(c, hasSeveral),
          network: found(networks[i], `networks of cluster ${c.name}`),
        },
        sayOf(c.name, differences),
      ),
    );
    return made ?? [];
  });
  refusals.throwAll();
  const dual = known.every(isDualStack) ? ["dual-stack"] : [];
  return { ...lab, suites: ["rebuilt-environment", ...dual], clusters, differences };
}

/** Those of the source, as far as they are valid and differ; free ones in place of the others. */
function labIds(clusters: readonly SourceCluster[], most: number): (number | undefined)[] {
  const taken = new Set<number>();
  const own = clusters.map(({ id }) => {
    if (id === undefined || id < 1 || id > most || taken.has(id)) return undefined;
    taken.add(id);
    return id;
  });
  return clusters.map((c, i) => {
    if (own[i] !== undefined || c.id === undefined) return own[i];
    let free = 1;
    while (taken.has(free)) free += 1;
    taken.add(free);
    return free;
  });
}

interface LabPart extends Pick<LabDraft, "serviceType"> {
  readonly profile: keyof typeof stateIn;
  readonly id: number;
  readonly network: LabNetwork;
  /** The most clusters that any cluster of the source counts to. */
  readonly most: number;
}

function labCluster(c: SourceCluster, lab: LabPart, say: Say): LabCluster {
  const { id } = lab;
  const cilium = known(
    c,
    "Cilium version",
    c.cilium,
    `add its pods (kubectl get pods -A -o yaml): ${shellQuote([`${c.name}=FILE`])}; or name it: ${shellQuote(["--cilium", `${c.name}=V`])}`,
  );
  // Images are not published for versions with a vendor's suffix.
  const kubernetes = /^\d+\.\d+\.\d+/.exec(c.kubernetes ?? "")?.[0] ?? kubernetesFor(cilium);
  const workers = Math.max(1, Math.min(c.workers, mostWorkers));
  say("cluster name", c.name, c.name);
  say("cluster id", c.id ?? id, id);
  say("Cilium", cilium, cilium);
  say("Kubernetes", c.kubernetes ?? "not known", kubernetes, {
    matters: c.kubernetes === undefined ? "no" : "perhaps",
    part: c.kubernetes === undefined ? "always" : "other",
  });
  sayNetworks(c, lab.network, say);
  say("control plane nodes", c.controlPlanes === 0 ? "not known" : c.controlPlanes, 1, {
    matters: "no",
    part: "always",
  });
  say("worker nodes", c.workers <= 0 ? "not known" : c.workers, workers, { part: "always" });
  say("kernel", c.kernel ?? "not known", release(), {
    part: c.kernel === undefined ? "always" : "unavailable",
  });
  say("what other clusters read", stateIn[profileOf([c])], stateIn[lab.profile], { matters: "yes" });
  say("clustermesh-apiserver's service", serviceTypeOf(c), lab.serviceType);
  const values = valuesOf({ ...c, cilium }, lab, say);
  return {
    name: c.name,
    id,
    kubernetes,
    cilium,
    kindConfig: kindConfigOf(c.name, lab.network, workers),
    values,
    manifests: manifestsOf(c, say),
  };
}

type VersionedCluster = SourceCluster & { readonly cilium: string };

function valuesOf(c: VersionedCluster, { network, most }: LabPart, say: Say): Values {
  const values = keep(c, say);
  const overrides: Values[] = [];
  const own = maxClusters(settingsOf(c));
  if (own !== most) overrides.push({ clustermesh: { maxConnectedClusters: most } });
  const [pods4 = ""] = network.pods;
  if (c.podNetwork.mode?.startsWith("cluster-pool") === true && c.podNetwork.from !== fromChart)
    overrides.push({ ipam: clusterPool(c, network) });
  // With native routing, Cilium must not masquerade packets to pods.
  const native = values.ipv4NativeRoutingCIDR;
  if (values.routingMode === "native" && native === undefined)
    overrides.push({ ipv4NativeRoutingCIDR: rangeOfLabs });
  if (typeof native === "string" && c.podNetwork.cidrs[0] === native && native !== pods4)
    overrides.push({ ipv4NativeRoutingCIDR: pods4 });
  return withoutRefused(overrides.reduce(mergeValues, values), c.cilium);
}

/** The pools of the source; where a lab cannot have them, the CIDRs of the lab's cluster. */
function clusterPool(c: SourceCluster, { pods }: LabNetwork): Values {
  const isKept = c.podNetwork.cidrs.includes(pods[0] ?? "");
  const size = (path: string): unknown => at(c.values, `ipam.operator.${path}`);
  const [v4mask, v6mask] = [size("clusterPoolIPv4MaskSize"), size("clusterPoolIPv6MaskSize")];
  const pools6 = pods.filter((p) => p.includes(":"));
  return {
    mode: "cluster-pool",
    operator: {
      clusterPoolIPv4PodCIDRList:
        isKept && c.podNetwork.pools.length > 0 ? c.podNetwork.pools : pods.slice(0, 1),
      ...(v4mask === undefined || !isKept ? {} : { clusterPoolIPv4MaskSize: v4mask }),
      ...(pools6.length === 0 ? {} : { clusterPoolIPv6PodCIDRList: pools6 }),
      ...(v6mask === undefined || pools6.length === 0 || !isKept ? {} : { clusterPoolIPv6MaskSize: v6mask }),
    },
  };
}

function sayNetworks(c: SourceCluster, network: LabNetwork, say: Say): void {
  const { cidrs, pools, from } = c.podNetwork;
  const inSource = cidrs.length === 0 ? from : cidrs.join(",");
  const isReplaced = cidrs.length > 0 && cidrs.join(",") !== network.pods.join(",");
  say("pod CIDR", from === fromChart ? `${inSource} (${fromChart})` : inSource, network.pods.join(","), {
    matters: cidrs.length === 0 || from === fromChart ? "no" : "perhaps",
    part: cidrs.length === 0 || from === fromChart ? "always" : "other",
  });
  if (pools.length > 1) say("pools", pools.join(", "), isReplaced ? network.pods[0] : pools.join(", "));
  say(
    "service CIDR",
    c.serviceCidrs.length === 0 ? "not known" : c.serviceCidrs.join(","),
    network.services.join(","),
    {
      part: c.serviceCidrs.length === 0 ? "always" : "other",
    },
  );
}

function kindConfigOf(
  name: string,
  { pods, services }: LabNetwork,
  workers: number,
): Record<string, unknown> {
  return {
    kind: "Cluster",
    apiVersion: "kind.x-k8s.io/v1alpha4",
    name,
    networking: {
      ...(pods.length > 1 ? { ipFamily: "dual" } : {}),
      podSubnet: pods.join(","),
      serviceSubnet: services.join(","),
      disableDefaultCNI: true,
      kubeProxyMode: "none",
    },
    nodes: [{ role: "control-plane" }, ...Array.from({ length: workers }, () => ({ role: "worker" }))],
  };
}

/** A lab's ids are those of the source: another one would hide a clash, or be an invention. */
function refuseId(c: SourceCluster, hasSeveral: boolean): never {
  const written = c.config["cluster-id"] ?? at(c.written ?? c.values, "cluster.id");
  const of = `cluster.id ${JSON.stringify(written)?.slice(0, 80)} of ${c.name}`;
  const what =
    written === undefined || written === null
      ? `no cluster.id of ${c.name}`
      : `${of}, ${isPlaceholder(written) ? "a placeholder" : "which is no id"}`;
  const unread = c.notes.filter((n) => n.field === "values in other files").map((n) => n.inSource);
  const left = c.notes.filter((n) => n.inLab.startsWith("left out: ")).map((n) => n.field);
  const misplaced = misplacedIds(c.values);
  const unused = unusedSources(c);
  const more = [
    misplaced.length === 0 ? "" : `; nothing reads ${misplaced.join(" and ")}`,
    ...unused.map(({ field, inSource }) => `; ${field}: ${inSource}`),
    unread.length === 0 ? "" : `; not read: ${unread.join("; ")}`,
    left.length === 0 ? "" : `; left out: ${left.join("; ")}`,
  ].join("");
  const file = shellQuote([hasSeveral ? "NAME=FILE" : `${c.name}=FILE`]);
  throw new MeshproofError(
    "usage",
    `${c.sources.join(", ")} ${c.sources.length === 1 ? "has" : "have"} ${what}${more}`,
    {
      remedy:
        misplaced.length === 0
          ? `${unused.length === 0 ? "" : "if the id is among what is not used, write it where it is read; otherwise "}give the rendered form (\`helm template\`, \`kustomize build\`, \`helm get values\`), or add a file with the id: ${file}`
          : `the cluster runs with the chart's id, which is 0, and cannot be in a mesh: for a lab of what is meant, add a file with cluster.id: ${file}`,
    },
  );
}

/** What a lab cannot be made without; throws `usage` where no file of the source tells it. */
function known<T>(cluster: SourceCluster, what: string, value: T | undefined, remedy: string): T {
  if (value !== undefined) return value;
  throw new MeshproofError(
    "usage",
    `${cluster.sources.join(", ")} does not contain the ${what} of ${cluster.name}`,
    { remedy },
  );
}

/** Where a cluster's state is for the others. */
const stateIn = { default: "clustermesh-apiserver", "external-etcd": "an etcd of its own" } as const;

/** Clusters without a clustermesh-apiserver publish their state through an etcd. */
function profileOf(source: readonly SourceCluster[]): keyof typeof stateIn {
  const apiserver = (c: SourceCluster): boolean =>
    at(c.values, "clustermesh.useAPIServer") === true ||
    c.services.some((s) => s.metadata.name === "clustermesh-apiserver");
  return source.every((c) => !apiserver(c) && at(c.values, "etcd.enabled") === true)
    ? "external-etcd"
    : "default";
}

function serviceTypeOf(c: SourceCluster): "LoadBalancer" | "NodePort" {
  const exposed = c.services.find((s) => s.metadata.name === "clustermesh-apiserver")?.spec?.type;
  const type = exposed ?? at(c.values, "clustermesh.apiserver.service.type");
  return type === "LoadBalancer" ? "LoadBalancer" : "NodePort";
}
