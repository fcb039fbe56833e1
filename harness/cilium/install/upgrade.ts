import type { Cluster } from "#harness/cluster/cluster.ts";
import { daemonSetReady, deploymentReady } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import type { EventuallyOptions } from "#harness/lib/eventually.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import type { ClusterArtifacts } from "#harness/model/artifacts.ts";
import { installCilium, unlockRelease } from "#harness/platform/helm.ts";
import { agentsOf } from "../agent/agent.ts";
import { awaitMeshed } from "../agent/meshed.ts";

type Values = Record<string, unknown>;

export interface VersionChange {
  readonly helm: string;
  readonly cluster: Cluster;
  /** All clusters of the mesh: it must be connected again when the upgrade is over. */
  readonly clusters: readonly Cluster[];
  readonly artifacts: ClusterArtifacts;
  /** All values of the release. */
  readonly values: Values;
}

/**
 * Upgrades one cluster to another version as in Cilium's upgrade guide: the new chart, with all values given
 * explicitly. Ends when agents, operator and clustermesh-apiserver run the new version and the mesh is connected. A
 * timeout reports the last state seen.
 */
export async function changeVersion(
  change: VersionChange,
  { withinMs, signal }: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const { cluster, artifacts, helm } = change;
  const { kubeconfig } = cluster;
  const endMs = monotonicMs() + withinMs;
  const rest = () => ({ withinMs: Math.max(1, endMs - monotonicMs()), signal });
  await unlockRelease({ helm, kubeconfig, signal });
  await installCilium({
    helm,
    kubeconfig,
    chartDir: artifacts.chartDir,
    values: change.values,
    timeoutMs: rest().withinMs,
    signal,
  });
  await rolledOut(change, rest);
}

async function rolledOut(
  { cluster, clusters, artifacts }: VersionChange,
  rest: () => Pick<EventuallyOptions, "withinMs" | "signal">,
): Promise<void> {
  const at = (name: string) => ({ namespace: "kube-system", name });
  await cluster.kube.until(kinds.daemonSet, at("cilium"), daemonSetReady, {
    what: `the agents of Cilium ${artifacts.ciliumVersion}`,
    ...rest(),
  });
  for (const name of [
    "cilium-operator",
    ...(cluster.capabilities.hasApiserver ? ["clustermesh-apiserver"] : []),
  ])
    await cluster.kube.until(kinds.deployment, at(name), deploymentReady, {
      what: `${name} of Cilium ${artifacts.ciliumVersion}`,
      ...rest(),
    });
  await eventually(
    async (signal) => {
      const versions = await Promise.all((await agentsOf(cluster, signal)).map((a) => a.version()));
      return versions.length > 0 && versions.every((v) => v === artifacts.ciliumVersion)
        ? ready(undefined)
        : notYet(`agents of ${versions.join(" and ")}`);
    },
    { what: `every agent of ${cluster.name} to report ${artifacts.ciliumVersion}`, everyMs: 1000, ...rest() },
  );
  await awaitMeshed(clusters, rest());
}
