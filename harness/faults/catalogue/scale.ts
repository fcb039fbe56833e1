import { allGone } from "#harness/kube/conditions.ts";
import { type Kube, kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { preparedWithinMs } from "#harness/lib/eventually.ts";
import type { Fault, FaultContext, Injected, InjectedFault, InjectOptions } from "../fault.ts";
import { injectFault } from "../inject.ts";

/** Scales a deployment to zero, with its undo step; throws `fault-no-effect` if it has no replica. */
export async function toZero(
  ctx: FaultContext,
  kube: Kube,
  namespace: string,
  name: string,
): Promise<string> {
  const before = await kube.get(kinds.deployment, namespace, name);
  const replicas = Number(before?.spec?.replicas ?? 0);
  if (replicas === 0)
    throw new MeshproofError(
      "fault-no-effect",
      `deployment ${namespace}/${name} in ${kube.cluster} has no replica to remove`,
    );
  await ctx.recordUndo({ do: "scale", cluster: kube.cluster, namespace, name, replicas });
  await kube.merge(kinds.deployment, namespace, name, { spec: { replicas: 0 } });
  return `deployment ${namespace}/${name} in ${kube.cluster}`;
}

export async function untilNoPods(
  kube: Kube,
  namespace: string,
  selector: string,
  signal: AbortSignal,
): Promise<void> {
  await kube.until(kinds.pod, { namespace, labelSelector: selector }, allGone, {
    what: `pods ${selector} to end`,
    withinMs: preparedWithinMs,
    signal,
  });
}

/** For a suite's own experiment: scales one deployment to zero. Does not wait for the pods' end. */
export function scaleToZeroFault(kube: Kube, name: string): Fault {
  return {
    name: "scale-to-zero",
    group: "workload",
    does: `scales ${name} to zero`,
    needsNamespace: true,
    async inject(ctx): Promise<Injected> {
      const subject = await toZero(ctx, kube, ctx.namespace, name);
      return { subject, names: [kube.cluster] };
    },
  };
}

export function scaleToZero(context: InjectOptions, kube: Kube, name: string): Promise<InjectedFault> {
  return injectFault(scaleToZeroFault(kube, name), context);
}
