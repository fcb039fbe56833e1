import { agentsOf } from "#harness/cilium/agent/agent.ts";
import { deploymentReady, podReady } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { preparedWithinMs } from "#harness/lib/eventually.ts";
import type { Injected, SuiteFault, SuiteFaultContext } from "../fault.ts";
import { noticed } from "./noticed.ts";
import { clusterAt } from "./victim.ts";

/** Shares become uneven while nothing else is wrong: three backends against two are 60:40. */
export const extraBackend: SuiteFault = {
  name: "extra-backend",
  group: "workload",
  does: "adds one replica to each of the suite's deployments in the second cluster, which then serves more than its share",
  traceless: "a deployment may have any number of replicas",
  needsNamespace: true,
  async inject(ctx): Promise<Injected> {
    const { kube, name: cluster } = clusterAt(ctx, 1);
    const { namespace, signal } = ctx;
    const names: string[] = [];
    for (const { metadata, spec } of await kube.list(kinds.deployment, namespace)) {
      const { name } = metadata;
      const replicas = Number(spec?.replicas ?? 0);
      if (replicas === 0) continue;
      await ctx.recordUndo({ do: "scale", cluster, namespace, name, replicas });
      await kube.merge(kinds.deployment, namespace, name, { spec: { replicas: replicas + 1 } });
      await kube.until(kinds.deployment, { namespace, name }, deploymentReady, {
        what: `deployment ${namespace}/${name} in ${cluster} to have one replica more`,
        withinMs: preparedWithinMs,
        signal,
      });
      names.push(name);
    }
    if (names.length === 0)
      throw new MeshproofError(
        "fault-no-effect",
        `no deployment with replicas in ${namespace} of ${cluster}`,
      );
    return {
      subject: `deployments ${names.join(", ")} in ${cluster}`,
      names,
      tookHold: () =>
        noticed("every agent to know the added backends", signal, () => unknownBackends(ctx, cluster)),
    };
  },
};

/** Shares settle once every agent knows the added backends. */
async function unknownBackends(
  { mesh, namespace, signal }: SuiteFaultContext,
  cluster: string,
): Promise<string | undefined> {
  const pods = (await mesh.cluster(cluster).kube.list(kinds.pod, namespace)).filter(podReady);
  for (const of of mesh.clusters)
    for (const agent of await agentsOf(of, signal)) {
      const held = new Set((await agent.serviceList()).flatMap((s) => s.backends.map((b) => b.ip)));
      const missing = pods.filter((p) => !held.has(String(p.status?.podIP)));
      if (missing.length > 0) return `${agent.name} lacks ${missing.map((p) => p.metadata.name).join(", ")}`;
    }
  return undefined;
}
