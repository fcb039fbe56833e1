import { deploymentReady } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { preparedWithinMs } from "#harness/lib/eventually.ts";
import type { Fault } from "../fault.ts";
import { clusterAt } from "./victim.ts";

const key = "max-connected-clusters";
const deployment = "clustermesh-apiserver";

interface Container {
  readonly args?: readonly string[];
}

/**
 * The agents keep what they read at their start: with another limit they would give out identities in the range of another
 * cluster, and healing would not take those back.
 */
export const clusterLimitChanged: Fault = {
  name: "cluster-limit-changed",
  group: "configuration",
  needs: "KVStoreMesh",
  does: "sets max-connected-clusters of the second cluster's ConfigMap and clustermesh-apiserver to 511, so it refuses clusters with 255",
  async inject(ctx) {
    const { kube, name: cluster } = clusterAt(ctx, 1);
    const before = (await kube.get(kinds.configMap, "kube-system", "cilium-config"))?.data?.[key] as
      | string
      | undefined;
    const current = await kube.get(kinds.deployment, "kube-system", deployment);
    const containers = (current?.spec?.template?.spec?.containers ?? []) as readonly Container[];
    const changed = containers.map((c) => ({
      ...c,
      ...(c.args === undefined
        ? {}
        : { args: c.args.map((a) => (a === `--${key}=255` ? `--${key}=511` : a)) }),
    }));
    if (JSON.stringify(changed) === JSON.stringify(containers))
      throw new MeshproofError("fault-no-effect", `${deployment} of ${cluster} has no argument --${key}=255`);
    const set = (list: readonly Container[]) => ({ spec: { template: { spec: { containers: list } } } });
    const at = { do: "merge", cluster, namespace: "kube-system" } as const;
    await ctx.recordUndo(
      { do: "await-mesh" },
      { ...at, kind: "deployment", name: deployment, patch: set(containers) },
      { ...at, kind: "configMap", name: "cilium-config", patch: { data: { [key]: before ?? null } } },
    );
    await kube.merge(kinds.configMap, "kube-system", "cilium-config", { data: { [key]: "511" } });
    await kube.merge(kinds.deployment, "kube-system", deployment, set(changed));
    return {
      subject: `${key} of ${cluster}`,
      names: [cluster, key],
      tookHold: async () => {
        await kube.until(kinds.deployment, { namespace: "kube-system", name: deployment }, deploymentReady, {
          what: `${deployment} of ${cluster} with --${key}=511`,
          withinMs: preparedWithinMs,
          signal: ctx.signal,
        });
      },
    };
  },
};
