import type { Artifacts } from "#harness/artifacts/types.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { LabPlan } from "#harness/config/plan.ts";
import { monotonicMs } from "#harness/core/clock.ts";
import type { Progress } from "#harness/core/progress.ts";
import { installCilium } from "#harness/host/helm.ts";
import { daemonSetReady, deploymentReady } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { namespaceObject } from "#harness/kube/namespace.ts";
import { type LoadBalancerBlock, loadBalancerBlock } from "./addresses.ts";
import { announceLoadBalancers } from "./announce.ts";
import { labCa } from "./ca.ts";
import { awaitCanary, deployCanary } from "./canary.ts";
import { apiserverPort, helmValues, type MeshEndpoint } from "./helm-values.ts";
import { reconnectAgents } from "./reconnect.ts";
import { awaitVantages, proberDaemonSet, systemNamespace } from "./vantage.ts";

/** How long each stretch of meshing took, for `bench up` and the report. */
export interface MeshTimes {
  readonly helmMs: number;
  readonly agentsMs: number;
  readonly apiserversMs: number;
  readonly canaryMs: number;
}

/**
 * Installs Cilium in every cluster at once, meshed from the first moment: addresses are known beforehand, so no
 * second Helm run and no restart of the agents. Idempotent: a half lab is repaired so.
 */
export async function installMesh(
  plan: LabPlan,
  artifacts: Artifacts,
  clusters: readonly Cluster[],
  subnet: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<MeshTimes> {
  const startedMs = monotonicMs();
  const withinMs = plan.budgets.meshMs;
  const blocks = new Map<string, LoadBalancerBlock>(
    plan.clusters.map((c, i) => [c.name, loadBalancerBlock(subnet, i)]),
  );
  const endpoints = await Promise.all(clusters.map((c) => endpointOf(plan, c, blocks.get(c.name)!)));
  const ca = await labCa(plan.lab);
  await progress.step("install Cilium with its own chart", () =>
    Promise.all(
      clusters.map(async (cluster) => {
        const planned = plan.clusters.find((c) => c.name === cluster.name)!;
        const own = artifacts.clusters[cluster.name]!;
        const controlPlane = (await cluster.nodes()).find((n) => n.role === "control-plane")!.name;
        await installCilium({
          helm: artifacts.tools.helm,
          kubeconfig: cluster.kubeconfig,
          chartDir: own.chartDir,
          values: helmValues(plan, planned, own, { controlPlane, ca, endpoints }),
          signal,
        });
        await cluster.kube.apply(namespaceObject(systemNamespace));
        await cluster.kube.apply(proberDaemonSet(systemNamespace, artifacts.proberImage));
      }),
    ),
  );
  const helmMs = monotonicMs() - startedMs;
  await deployCanary(clusters, artifacts.agnhostImage);
  // Whatever clustermesh-apiserver's own service is: suites have LoadBalancer services of theirs.
  const announced = Promise.all(
    clusters.map((c) => announceLoadBalancers(c, blocks.get(c.name)!, { withinMs, signal })),
  );
  announced.catch(() => {});
  await progress.step(
    "wait for the agents",
    () => Promise.all(clusters.map((c) => agentsReady(c, withinMs, signal))),
    { expectMs: 30_000 },
  );
  const agentsMs = monotonicMs() - startedMs;
  await announced;
  await progress.step(
    "wait for the clustermesh-apiservers",
    () =>
      Promise.all(
        clusters.map(async (c) => {
          await c.kube.until(
            kinds.deployment,
            { namespace: "kube-system", name: "clustermesh-apiserver" },
            deploymentReady,
            { what: "clustermesh-apiserver", withinMs, signal },
          );
          // With KVStoreMesh, agents read their own cluster's copy: the others need not be ready.
          await reconnectAgents(c);
        }),
      ),
    { expectMs: 60_000 },
  );
  const apiserversMs = monotonicMs() - startedMs;
  await progress.step(
    "wait for the canary service in every direction",
    async () => {
      await Promise.all(clusters.map((c) => awaitVantages(c.kube, { withinMs, signal })));
      await awaitCanary(clusters, withinMs, signal);
      await Promise.all(clusters.map((c) => agentsReady(c, withinMs, signal)));
    },
    { expectMs: 10_000 },
  );
  return { helmMs, agentsMs, apiserversMs, canaryMs: monotonicMs() - startedMs };
}

function agentsReady(cluster: Cluster, withinMs: number, signal: AbortSignal): Promise<unknown> {
  return cluster.kube.until(kinds.daemonSet, { namespace: "kube-system", name: "cilium" }, daemonSetReady, {
    what: "Cilium's agents",
    withinMs,
    signal,
  });
}

async function endpointOf(plan: LabPlan, cluster: Cluster, block: LoadBalancerBlock): Promise<MeshEndpoint> {
  const addresses =
    plan.serviceType === "LoadBalancer" ? [block.apiserver] : (await cluster.nodes()).map((n) => n.address);
  return { cluster: cluster.name, addresses, port: apiserverPort[plan.serviceType] };
}
