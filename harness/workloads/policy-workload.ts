import type { Cluster } from "#harness/cluster/cluster.ts";
import { podReady } from "#harness/kube/conditions.ts";
import { type KindRef, type KubeObject, kinds } from "#harness/kube/kube.ts";
import { tolerateAll } from "#harness/kube/tolerations.ts";
import { notYet, ready } from "#harness/lib/eventually.ts";
import type { SampleOutcome } from "#harness/model/history.ts";
import type { AskTarget } from "#harness/model/probe-wire.ts";
import { echoContainer, echoHttpPort } from "./echo.ts";
import { askFlows, type Flow } from "./flows.ts";

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

/** A client with a role, which its pod is named after; returns its address. */
export async function clientPod(cluster: Cluster, role: Role, options: PodOptions): Promise<string> {
  const container = { name: "prober", image: options.image, imagePullPolicy: "IfNotPresent", args: ["idle"] };
  return (await runPod(cluster, podObject(options, role, { role }, container), options)).status.podIP;
}

export function policyObject(namespace: string, name: string, spec: Record<string, unknown>): KubeObject {
  return { apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata: { name, namespace }, spec };
}

/** Applies a policy, of Cilium where no kind is given, and removes it with its handle. */
export async function appliedPolicy(
  cluster: Cluster,
  policy: KubeObject,
  kind: KindRef = kinds.ciliumNetworkPolicy,
): Promise<AsyncDisposable> {
  await cluster.kube.apply(policy);
  const { namespace, name } = policy.metadata;
  return {
    [Symbol.asyncDispose]: () => cluster.kube.remove(kind, namespace, name),
  };
}

interface Server {
  readonly cluster: Cluster;
  readonly ip: string;
  readonly port?: number;
  readonly protocol?: AskTarget["protocol"];
}

/** The requests of a cluster's client with a role to a server. A client's pod is named by its role. */
export const policyFlow = (
  client: { readonly cluster: Cluster; readonly role: Role },
  { cluster, ip, port = echoHttpPort, protocol = "http" }: Server,
  namespace: string,
): Flow => ({
  client: { cluster: client.cluster, namespace, pod: client.role },
  protocol,
  host: ip,
  port,
  from: `${client.cluster.name}/${client.role}`,
  to: `${cluster.name}/server (${ip}:${port}/${protocol})`,
});

/** One request on a flow, and what came of it. */
export async function askFlow(
  flow: Flow,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<{ from: string; to: string; outcome: SampleOutcome; detail: string }> {
  const [answers] = await askFlows([flow], { count: 1, ...options });
  const { outcome = "error", detail = "no answer" } = answers?.[0] ?? {};
  return { from: flow.from, to: flow.to, outcome, detail };
}
