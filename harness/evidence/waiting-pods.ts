import type { Cluster } from "#harness/cluster/cluster.ts";
import { kinds } from "#harness/kube/kube.ts";

interface ContainerStatus {
  readonly name: string;
  readonly image: string;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
}

/**
 * Containers of Cilium's pods that wait for another reason than start order, and why: one line each, such as
 * ImagePullBackOff.
 */
export async function waitingPods({ kube }: Cluster): Promise<string[]> {
  const pods = await kube.list(kinds.pod, "kube-system", "app.kubernetes.io/part-of=cilium");
  return pods.flatMap((pod) => {
    const { initContainerStatuses = [], containerStatuses = [] } = (pod.status ?? {}) as Record<
      string,
      ContainerStatus[]
    >;
    return [...initContainerStatuses, ...containerStatuses].flatMap(({ name, image, state }) => {
      const { reason, message } = state?.waiting ?? {};
      if (reason === undefined || reason === "PodInitializing" || reason === "ContainerCreating") return [];
      return [
        `pod ${pod.metadata.name} on ${pod.spec?.nodeName ?? "no node"}, container ${name} of ${image}: ${reason}${message === undefined ? "" : ` (${message.slice(0, 200)})`}`,
      ];
    });
  });
}
