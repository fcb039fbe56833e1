import { join } from "node:path";
import { awaitMeshed } from "#harness/cilium/agent/meshed.ts";
import { type LoadBalancerBlock, loadBalancerBlock } from "#harness/cilium/install/addresses.ts";
import { MeshInstaller } from "#harness/cilium/install/mesh-installer.ts";
import { profiles } from "#harness/cilium/install/profiles/index.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { clusterNetwork } from "#harness/cluster/kind/networks.ts";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import { namespaceObject } from "#harness/kube/namespace.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import type { Progress } from "#harness/lib/progress.ts";
import type { Artifacts } from "#harness/model/artifacts.ts";
import type { KindLabPlan } from "#harness/model/lab-plan.ts";
import type { Meshing } from "#harness/model/meshing.ts";
import { networkSubnet } from "#harness/platform/docker.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { affects, settingsOf } from "#harness/semantics/affected.ts";
import { awaitCanary, deployCanary } from "#harness/workloads/canary.ts";
import { awaitVantages, proberDaemonSet, systemNamespace } from "#harness/workloads/vantage.ts";
import { applyManifests } from "./manifests.ts";

/** Duration of each step of meshing, for `bench up` and the report. */
export interface MeshTimes {
  /** Until the agents of every cluster were first ready. */
  readonly agentsMs: number;
  readonly meshedMs: number;
  readonly canaryMs: number;
  /** What profile cli recorded. */
  readonly meshing?: Meshing;
}

export interface InstallOptions {
  readonly plan: KindLabPlan;
  readonly artifacts: Artifacts;
  readonly clusters: readonly Cluster[];
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Without the clusters in which a known defect keeps every canary silent: tests name it, and they need a lab. */
async function canaryClients(clusters: readonly Cluster[], progress: Progress): Promise<Cluster[]> {
  const defects = (await readKnownDefects(join(repoRoot(), "suites"))).filter((d) => d.canary === false);
  const keys = settingsOf(defects);
  const clients: Cluster[] = [];
  for (const cluster of clusters) {
    const { name, ciliumVersion: cilium } = cluster;
    const read = await Promise.all(keys.map(async (key) => [key, await cluster.setting(key)] as const));
    const defect = defects.find((d) => affects(d, { name, cilium, settings: Object.fromEntries(read) }));
    if (defect === undefined) clients.push(cluster);
    else progress.note(`no canary answers in ${name}: known defect ${defect.id}, ${defect.what}`);
  }
  return clients;
}

/** Meshes the clusters by the lab's profile. Idempotent, so it also repairs a partial lab. */
export async function installMesh({
  plan,
  artifacts,
  clusters,
  progress,
  signal,
}: InstallOptions): Promise<MeshTimes> {
  const startedMs = monotonicMs();
  const blocks = new Map<string, LoadBalancerBlock>();
  for (const [i, { name }] of plan.clusters.entries())
    blocks.set(name, loadBalancerBlock(await networkSubnet(clusterNetwork(plan, name)), i));
  const installer = new MeshInstaller({ plan, artifacts, clusters, blocks, progress, signal });
  for (const { kube } of clusters) {
    await kube.apply(namespaceObject(systemNamespace));
    await kube.apply(proberDaemonSet(systemNamespace, artifacts.proberImage));
  }
  await deployCanary(clusters, artifacts.agnhostImage);
  await profiles[plan.profile].mesh(installer);
  const meshedMs = monotonicMs() - startedMs;
  await progress.step(
    "wait for the canary service in every direction",
    async () => {
      await Promise.all(clusters.map((c) => awaitVantages(c.kube, installer.waiting)));
      const clients = await canaryClients(clusters, progress);
      await awaitCanary(clusters, installer.waiting.withinMs, signal, clients);
      await Promise.all(clusters.map((c) => installer.agentsReady(c)));
      await awaitMeshed(clusters, installer.waiting);
    },
    { expectMs: 10_000 },
  );
  await Promise.all(
    clusters.map((c) =>
      applyManifests(c, installer.planned(c).manifests ?? [], artifacts.agnhostImage, installer.waiting),
    ),
  );
  return {
    agentsMs: installer.agentsMs,
    meshedMs,
    canaryMs: monotonicMs() - startedMs,
    ...(installer.meshing === undefined ? {} : { meshing: installer.meshing }),
  };
}
