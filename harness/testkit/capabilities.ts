import type { Capabilities } from "#harness/cluster/capabilities.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { isKindPlan } from "#harness/config/plan.ts";
import { kinds } from "#harness/kube/kube.ts";
import { durationMs } from "#harness/lib/duration.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { CapabilityDecision } from "#harness/model/run-context.ts";
import { namesOf } from "#harness/workloads/affinity.ts";
import { labObjects, labServices } from "#harness/workloads/lab-objects.ts";

type Found = string | undefined;

/** A check of what `cluster.capabilities` derives from the plan. */
const whether =
  (has: keyof Capabilities, reason: (cluster: string) => string) =>
  ({ name, capabilities }: Cluster): Found =>
    capabilities[has] ? undefined : reason(name);

/**
 * What suites and tests may require of a cluster: each check returns why the cluster lacks it, or undefined. Decided
 * from the plan, the artifacts and the cluster's own settings, before anything is created.
 */
const table = {
  loadBalancer: whether(
    "assignsLoadBalancerIPs",
    (c) => `nothing in ${c} assigns addresses to LoadBalancer services`,
  ),
  localNodes: whether("nodesAreLocal", (c) => `the nodes of ${c} are not on this machine`),
  clustermeshApiserver: whether("hasApiserver", (c) => `${c} has no clustermesh-apiserver`),
  /** Session affinity holds for each address: with several, a client finds another replica by the next one. */
  singleApiserverAddress: async (c) =>
    (await c.kube.get(kinds.service, "kube-system", "clustermesh-apiserver"))?.spec?.type === "NodePort"
      ? `other clusters reach the clustermesh-apiserver of ${c.name} by the address of each node`
      : undefined,
  kvstoreMesh: whether(
    "hasKvstoreMesh",
    (c) => `the agents of ${c} read the other clusters' kvstores themselves`,
  ),
  endpointSliceSync: (c) => settingIs(c, "clustermesh-enable-endpoint-sync", "true"),
  globalNamespaces: async (c) =>
    (await c.setting("clustermesh-default-global-namespace")) === undefined
      ? `${c.name} has no clustermesh-default-global-namespace: needs Cilium 1.20 or later`
      : undefined,
  mcsApi: (c) => settingIs(c, "clustermesh-enable-mcs-api", "true"),
  clustersetDns: async (c) =>
    String((await c.kube.get(kinds.configMap, "kube-system", "coredns"))?.data?.Corefile).includes(
      "multicluster",
    )
      ? undefined
      : `CoreDNS of ${c.name} has no multicluster plugin (1.12.2 or later)`,
  cacheTtl: async (c) =>
    (durationMs((await c.setting("clustermesh-cache-ttl")) ?? "") ?? 0) > 0
      ? undefined
      : `clustermesh.cacheTTL of ${c.name} is 0, so entries of a lost cluster never expire`,
  nativeRouting: whether("routesNatively", (c) => `${c} routes to other clusters through a tunnel`),
  dualStack: whether("isDualStack", (c) => `${c} has no IPv6 pod CIDR`),
  /** Both values of `policyDefaultLocalCluster` in one mesh. */
  bothPolicyDefaults: async (_, { clusters }) => {
    const settings = await Promise.all(
      clusters.map(async (c) => (await c.setting("policy-default-local-cluster")) ?? "false"),
    );
    return new Set(settings).size > 1
      ? undefined
      : `${namesOf(clusters)} have policyDefaultLocalCluster ${settings[0]}`;
  },
  /** A cluster beside the first two, which may leave the mesh and join it by Helm values alone. */
  thirdCluster: (_, { clusters, state: { plan } }) => {
    if (clusters.length < 3) return `the mesh has ${clusters.length} clusters: use a lab with --clusters 3`;
    if (!isKindPlan(plan)) return "Meshproof does not change the Helm values of external clusters";
    return plan.profile === "default"
      ? undefined
      : `in profile ${plan.profile} the Helm values of clusters hold one another's keys`;
  },
  /** Envoy, in any cluster. */
  l7Proxy: async (_, { clusters }) =>
    (await Promise.all(clusters.map((c) => c.setting("enable-l7-proxy")))).includes("true")
      ? undefined
      : "there is no Envoy in this mesh (enable-l7-proxy is false)",
  labServices: (c, mesh) =>
    labServices(labObjects(mesh.state.plan, c.name)).length > 0
      ? undefined
      : `the lab file defines no services for ${c.name}`,
  labPods: (c, mesh) =>
    labObjects(mesh.state.plan, c.name).some((o) => o.kind === "Deployment")
      ? undefined
      : `the lab file defines no pods for ${c.name}`,
} satisfies Record<string, (cluster: Cluster, mesh: Mesh) => Found | Promise<Found>>;

/** A capability of the table, or a minimum version of Cilium such as `cilium>=1.20`. */
export type Capability = keyof typeof table | `cilium>=${number}.${number}`;

/** Required of every cluster, or of one by name. */
export type Requirement = Capability | { readonly capability: Capability; readonly cluster: string };

async function settingIs(cluster: Cluster, key: string, expected: string): Promise<Found> {
  const value = await cluster.setting(key);
  return value === expected ? undefined : `${key} of ${cluster.name} is ${value ?? "not set"}`;
}

async function decide(mesh: Mesh, cluster: Cluster, capability: Capability): Promise<CapabilityDecision> {
  const least = /^cilium>=(.*)$/.exec(capability)?.[1];
  try {
    const reason =
      least === undefined
        ? await table[capability as keyof typeof table](cluster, mesh)
        : isAtLeast(cluster.ciliumVersion, least)
          ? undefined
          : `${cluster.name} has Cilium ${cluster.ciliumVersion}`;
    return {
      capability,
      cluster: cluster.name,
      ...(reason === undefined ? { state: "present" } : { state: "missing", reason }),
    };
  } catch (error) {
    return { capability, cluster: cluster.name, state: "undecided", reason: messageOf(error) };
  }
}

/** Decides every required capability, once per cluster. A check that fails is `undecided`. */
export function decideCapabilities(
  mesh: Mesh,
  required: readonly Requirement[],
): Promise<CapabilityDecision[]> {
  const requested = new Map<string, readonly [Cluster, Capability]>();
  for (const requirement of required) {
    const { capability, cluster } = whole(requirement);
    for (const c of mesh.clusters)
      if (cluster === undefined || cluster === c.name)
        requested.set(`${capability} ${c.name}`, [c, capability]);
  }
  return Promise.all(
    [...requested.values()].map(([cluster, capability]) => decide(mesh, cluster, capability)),
  );
}

const whole = (r: Requirement): { capability: Capability; cluster?: string } =>
  typeof r === "string" ? { capability: r } : r;

/** The first missing requirement, with the clusters that lack it; undefined if none is missing. */
export function missingOf(
  required: readonly Requirement[],
  decisions: readonly CapabilityDecision[],
): { readonly capability: string; readonly reason: string } | undefined {
  for (const requirement of required) {
    const { capability } = whole(requirement);
    const missing = decisionsOf([requirement], decisions).filter((d) => d.state === "missing");
    if (missing.length > 0)
      return {
        capability,
        reason: [...new Set(missing.map((d) => d.reason ?? d.cluster))].join("; "),
      };
  }
  return undefined;
}

/** The decisions on some requirements. */
export function decisionsOf(
  required: readonly Requirement[],
  decisions: readonly CapabilityDecision[],
): readonly CapabilityDecision[] {
  return required
    .map(whole)
    .flatMap(({ capability, cluster }) =>
      decisions.filter(
        (d) => d.capability === capability && (cluster === undefined || cluster === d.cluster),
      ),
    );
}
