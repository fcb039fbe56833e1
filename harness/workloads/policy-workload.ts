import type { Cluster } from "#harness/cluster/cluster.ts";
import { podReady } from "#harness/kube/conditions.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { tolerateAll } from "#harness/kube/tolerations.ts";
import { notYet, ready } from "#harness/lib/eventually.ts";
import { echoContainer } from "./echo.ts";

export type Role = "allowed" | "denied";

interface PodOptions {
  readonly namespace: string;
  readonly image: string;
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

async function runPod(cluster: Cluster, pod: KubeObject, options: PodOptions): Promise<KubeObject> {
  await cluster.kube.apply(pod);
  return cluster.kube.until(
    kinds.pod,
    { namespace: options.namespace, name: pod.metadata.name },
    ([found]) =>
      found !== undefined && podReady(found)
        ? ready(found)
        : notYet(String(found?.status?.phase ?? "no pod")),
    { what: `pod ${pod.metadata.name}`, withinMs: options.withinMs, signal: options.signal },
  );
}

const podObject = (
  options: PodOptions,
  name: string,
  labels: Record<string, string>,
  container: Record<string, unknown>,
): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: options.namespace, labels },
  spec: { terminationGracePeriodSeconds: 0, tolerations: tolerateAll, containers: [container] },
});

/** The server of one cluster, labelled `role=server`. */
export async function serverPod(
  cluster: Cluster,
  options: PodOptions,
): Promise<{ ip: string; node: string }> {
  const pod = await runPod(
    cluster,
    podObject(options, "server", { role: "server" }, echoContainer(options.image)),
    options,
  );
  return { ip: pod.status.podIP, node: pod.spec.nodeName };
}

/** A client with a role; returns its pod's name. */
export async function clientPod(cluster: Cluster, role: Role, options: PodOptions): Promise<string> {
  const container = { name: "prober", image: options.image, imagePullPolicy: "IfNotPresent", args: ["idle"] };
  return (await runPod(cluster, podObject(options, role, { role }, container), options)).metadata.name;
}

export function policyObject(namespace: string, name: string, spec: Record<string, unknown>): KubeObject {
  return { apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata: { name, namespace }, spec };
}
