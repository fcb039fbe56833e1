import type { KindCluster } from "#harness/cluster/kind/kind-cluster.ts";
import { podReady } from "#harness/kube/conditions.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { tolerateAll } from "#harness/kube/tolerations.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { type EventuallyOptions, notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import type { EchoSpec } from "#harness/model/probe-wire.ts";
import { echoHttpPort } from "./echo.ts";
import type { Vantage } from "./vantage.ts";

/** The namespace of a whole certification's workload; it belongs to no suite, so no suite removes it. */
export const standingNamespace = "mp-standing";

/** Port of the servers that answers lines and datagrams. */
export const standingEchoPort = 8082;

/** What protects each server; `target` is protected by the policy of its clients. */
export const serverRoles = [
  "server",
  "server-deny",
  "server-kubernetes",
  "server-unlabelled",
  "target",
] as const;
export type ServerRole = (typeof serverRoles)[number];

/** `allowed` and `denied` by the servers' policies; `egress` has a policy of its own. */
export const clientRoles = ["allowed", "denied", "egress"] as const;
export type ClientRole = (typeof clientRoles)[number];

/** A pod is named after its role. */
export interface StandingPod extends Vantage {
  /** Defined if the cluster is dual-stack. */
  readonly ip6: string | undefined;
}

/**
 * A TCP port that only denied flows of one client use, so a packet to it is a leak whatever its source address. `index`
 * is that of the client's cluster.
 */
export const deniedPort = (role: ClientRole, index: number): number =>
  8100 + 20 * clientRoles.indexOf(role) + index;

/** The most clusters whose denied clients have ports of their own. */
export const mostClusters = 20;

/** Every TCP port of denied flows. */
export const deniedPorts = (clusters: number): number[] =>
  clientRoles.flatMap((role) => Array.from({ length: clusters }, (_, i) => deniedPort(role, i)));

/** The specification of a server, in a pod or outside the clusters. */
export const standingEcho = (clusters: number): EchoSpec => ({
  port: standingEchoPort,
  serveOnMs: 0,
  httpPorts: [echoHttpPort, ...deniedPorts(clusters)],
});

interface PodOptions {
  readonly image: string;
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/** On a given node, so that clients and servers of a cluster are apart, and no disturbance moves them. */
function podOn(node: string, role: ServerRole | ClientRole, container: Record<string, unknown>): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: role, namespace: standingNamespace, labels: { role } },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      tolerations: tolerateAll,
      containers: [{ imagePullPolicy: "IfNotPresent", ...container }],
    },
  };
}

async function runPod(
  cluster: KindCluster,
  pod: KubeObject,
  waiting: Pick<EventuallyOptions, "withinMs" | "signal">,
): Promise<StandingPod> {
  const { name } = pod.metadata;
  const present = await cluster.kube.get(kinds.pod, standingNamespace, name);
  // A pod's node cannot be changed.
  if (present !== undefined && present.spec?.nodeName !== pod.spec.nodeName)
    throw new MeshproofError(
      "lab-broken",
      `pod ${standingNamespace}/${name} of ${cluster.name} is on ${present.spec?.nodeName}, not on ${pod.spec.nodeName}`,
      { remedy: `remove namespace ${standingNamespace} and run it again` },
    );
  if (present === undefined) await cluster.kube.apply(pod);
  const running = await cluster.kube.until(
    kinds.pod,
    { namespace: standingNamespace, name },
    ([p]) => (p !== undefined && podReady(p) ? ready(p) : notYet(String(p?.status?.phase ?? "no pod"))),
    { what: `pod ${standingNamespace}/${name} of ${cluster.name}`, ...waiting },
  );
  const addresses = (running.status.podIPs ?? []) as { ip: string }[];
  return {
    cluster: cluster.name,
    node: running.spec.nodeName,
    namespace: standingNamespace,
    pod: name,
    ip: running.status.podIP,
    ip6: addresses.map((a) => a.ip).find((ip) => ip.includes(":")),
    uid: found(running.metadata.uid, `uid of pod ${name} in ${cluster.name}`),
  };
}

/** A server with its ports for allowed and for denied flows, on the cluster's first node. */
export async function standingServer(
  cluster: KindCluster,
  role: ServerRole,
  options: PodOptions & { readonly clusters: number },
): Promise<StandingPod> {
  const [first] = await cluster.nodes();
  const container = {
    name: "echo",
    image: options.image,
    args: ["echo", JSON.stringify(standingEcho(options.clusters))],
    // Asked until it serves, and not later: an unready pod on a busy machine would be an event of the mesh.
    startupProbe: { httpGet: { path: "/", port: echoHttpPort }, periodSeconds: 1, failureThreshold: 60 },
  };
  return runPod(cluster, podOn(nameOf(first, cluster), role, container), options);
}

/** A client on the cluster's last node. */
export async function standingClient(
  cluster: KindCluster,
  role: ClientRole,
  options: PodOptions,
): Promise<StandingPod> {
  const last = (await cluster.nodes()).at(-1);
  const container = { name: "prober", image: options.image, args: ["idle"] };
  return runPod(cluster, podOn(nameOf(last, cluster), role, container), options);
}

const nameOf = (node: { readonly name: string } | undefined, cluster: KindCluster): string =>
  found(node, `node in cluster ${cluster.name}`).name;
