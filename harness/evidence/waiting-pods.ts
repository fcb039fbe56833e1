import { eventState, podState } from "#harness/cilium/object-states.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { kinds } from "#harness/kube/kube.ts";
import { podStartCause } from "#harness/semantics/pod-start.ts";

/**
 * Cilium's pods that wait for another reason than start order, and why: one line each, such as a Secret that does not
 * exist or ImagePullBackOff. The causes are those that `diagnose` names.
 */
export async function waitingPods({ kube }: Cluster): Promise<string[]> {
  const [pods, events] = await Promise.all([
    kube.list(kinds.pod, "kube-system", "app.kubernetes.io/part-of=cilium"),
    kube.list(kinds.event, "kube-system").catch(() => []),
  ]);
  const warnings = events.flatMap(eventState);
  return pods.map(podState).flatMap((pod) => {
    const where = `pod ${pod.name} on ${pod.node === "" ? "no node" : pod.node}`;
    const cause = podStartCause(pod, warnings);
    if (cause !== undefined) return [`${where} ${cause.what}`];
    return (pod.waiting ?? [])
      .filter(({ reason }) => !["", "PodInitializing", "ContainerCreating"].includes(reason))
      .map(
        ({ container, image, reason, message }) =>
          `${where}, container ${container} of ${image}: ${reason}${message === "" ? "" : ` (${message.slice(0, 200)})`}`,
      );
  });
}
