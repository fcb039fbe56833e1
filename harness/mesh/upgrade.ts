import type { ClusterArtifacts } from "#harness/artifacts/types.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { EventuallyOptions } from "#harness/core/eventually.ts";
import { eventually, notYet, ready } from "#harness/core/eventually.ts";
import { installCilium } from "#harness/host/helm.ts";
import { daemonSetReady, deploymentReady } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { agentsOf } from "#harness/observe/agent.ts";
import { awaitMeshed } from "#harness/observe/meshed.ts";

type Values = Record<string, unknown>;

export interface VersionChange {
  readonly helm: string;
  readonly cluster: Cluster;
  /** All of the mesh: it is whole again when the change is over. */
  readonly clusters: readonly Cluster[];
  readonly artifacts: ClusterArtifacts;
  /** All values of the release. */
  readonly values: Values;
}

/**
 * Moves one cluster to another version, as Cilium's upgrade guide has it: the new chart with values that
 * are told in full. Ends when agents, operator and clustermesh-apiserver run the new version and the mesh is whole.
 */
export async function changeVersion(
  change: VersionChange,
  options: Omit<EventuallyOptions, "what">,
): Promise<void> {
  const { cluster, artifacts } = change;
  await installCilium({
    helm: change.helm,
    kubeconfig: cluster.kubeconfig,
    chartDir: artifacts.chartDir,
    values: change.values,
    signal: options.signal,
  });
  await rolledOut(change, options);
}

async function rolledOut(
  { cluster, clusters, artifacts }: VersionChange,
  options: Omit<EventuallyOptions, "what">,
): Promise<void> {
  const at = (name: string) => ({ namespace: "kube-system", name });
  await cluster.kube.until(kinds.daemonSet, at("cilium"), daemonSetReady, {
    what: `the agents of Cilium ${artifacts.ciliumVersion}`,
    ...options,
  });
  for (const name of ["cilium-operator", ...(cluster.hasApiserver ? ["clustermesh-apiserver"] : [])])
    await cluster.kube.until(kinds.deployment, at(name), deploymentReady, {
      what: `${name} of Cilium ${artifacts.ciliumVersion}`,
      ...options,
    });
  await eventually(
    async () => {
      const versions = await Promise.all((await agentsOf(cluster, options.signal)).map((a) => a.version()));
      return versions.length > 0 && versions.every((v) => v === artifacts.ciliumVersion)
        ? ready(undefined)
        : notYet(`agents of ${versions.join(" and ")}`);
    },
    { what: `every agent of ${cluster.name} to say ${artifacts.ciliumVersion}`, everyMs: 1000, ...options },
  );
  await awaitMeshed(clusters, options);
}
