import type { KindCluster } from "#harness/cluster/kind/kind-cluster.ts";
import { stopNode } from "#harness/cluster/kind/node-control.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import type { Fault } from "#harness/faults/fault.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { deploymentReady } from "#harness/kube/conditions.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { echoDeployment } from "#harness/workloads/echo.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { policyObject } from "#harness/workloads/policy-workload.ts";
import { standingNamespace } from "#harness/workloads/standing-pods.ts";
import type { MeshEvents } from "./mesh-events.ts";

/** Pods that come and go with a disturbance. */
const comers = { name: "standing-comers", replicas: 3 } as const;
const policyName = "standing-disturbance";

export interface DisturbanceOptions {
  readonly mesh: Mesh;
  /** The cluster that is being moved to another version. */
  readonly cluster: KindCluster;
  readonly echo: EchoBackends;
  readonly agnhostImage: string;
  readonly events: MeshEvents;
  /** For each wait. */
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/** What a disturbed move changed on purpose: it cannot be compared with the state before. */
export interface Disturbed {
  /** Pods of the standing namespace that were replaced, or restarted with their node. */
  readonly pods: readonly string[];
}

/**
 * Disturbs a move: as soon as the first agent is replaced, adds a policy, creates pods and replaces a backend, reboots a
 * node, then removes what it added. Every step is an event of kind `disturbance`, so what is lost then is attributed to
 * it. Call it beside the move, and wait for both: its error says nothing about the upgrade. A killed command leaves the
 * node's restart in the lab's fault journal.
 */
export async function disturbMove(options: DisturbanceOptions): Promise<Disturbed> {
  const { cluster, echo, events, withinMs, signal } = options;
  const node = await nodeToReboot(cluster);
  const note = (what: string): void => events.note(what, { cluster: cluster.name, kind: "disturbance" });
  const before = await podsOn(cluster, node);
  using _ = events.disturbing([policyName, comers.name, echo.deploymentOf(cluster)]);
  await agentReplaced(options);
  await using added = new AsyncDisposableStack();
  added.defer(async () => {
    await cluster.kube.remove(kinds.ciliumNetworkPolicy, standingNamespace, policyName);
    await cluster.kube.remove(kinds.deployment, standingNamespace, comers.name);
    note(`policy ${policyName} and the pods of ${comers.name} removed from ${cluster.name}`);
  });
  await cluster.kube.apply(openPolicy(echo.deploymentOf(cluster)));
  note(`policy ${policyName}, which allows everything to the backends, added to ${cluster.name}`);
  await cluster.kube.apply(comingPods(options));
  note(`${comers.replicas} pods of ${comers.name} created in ${cluster.name}`);
  const [replaced] = await echo.pods(cluster);
  const backend = found(replaced, `ready backend of ${cluster.name}`);
  await cluster.kube.remove(kinds.pod, standingNamespace, backend);
  note(`backend ${backend} of ${cluster.name} deleted, to be scheduled anew`);
  await echo.awaitReady(cluster, withinMs, signal);
  await reboot(options, node);
  await echo.awaitReady(cluster, withinMs, signal);
  return { pods: [...new Set([backend, ...before])] };
}

/**
 * A worker that carries neither servers nor clients of the continuous traffic: those are on the first and the last node,
 * which a reboot would silence.
 */
export async function nodeToReboot(cluster: Pick<KindCluster, "name" | "nodes">): Promise<string> {
  const between = (await cluster.nodes()).slice(1, -1).filter((n) => n.role === "worker");
  const node = between[0]?.name;
  if (node === undefined)
    throw new MeshproofError(
      "usage",
      `cluster ${cluster.name} has no worker to reboot beside the one with the clients of the traffic`,
      { remedy: "use a lab with two workers in each cluster: --lab-file kind-configs/realistic/lab.yaml" },
    );
  return node;
}

const podsOn = async ({ kube }: KindCluster, node: string): Promise<string[]> =>
  (await kube.list(kinds.pod, standingNamespace))
    .filter((p) => p.spec?.nodeName === node)
    .map((p) => p.metadata.name);

/** The middle of an upgrade: a new agent runs beside old ones. */
async function agentReplaced({ cluster, withinMs, signal }: DisturbanceOptions): Promise<void> {
  const agents = { namespace: "kube-system", name: "cilium" } as const;
  const before = await cluster.kube.get(kinds.daemonSet, agents.namespace, agents.name);
  const generation = found(before, `DaemonSet cilium of ${cluster.name}`).metadata.generation ?? 0;
  await cluster.kube.until(
    kinds.daemonSet,
    agents,
    ([set]) => {
      const { observedGeneration = 0, updatedNumberScheduled = 0 } = set?.status ?? {};
      return observedGeneration > generation && updatedNumberScheduled > 0
        ? ready(undefined)
        : notYet(`generation ${observedGeneration}, ${updatedNumberScheduled} agents updated`);
    },
    { what: `the first new agent of ${cluster.name}`, withinMs, signal },
  );
}

/** Selects the backends, so that their policy is computed anew, and changes nothing for anybody. */
const openPolicy = (app: string): KubeObject =>
  policyObject(standingNamespace, policyName, {
    endpointSelector: { matchLabels: { app } },
    ingress: [{ fromEntities: ["all"] }],
  });

const comingPods = ({ agnhostImage }: DisturbanceOptions): KubeObject =>
  echoDeployment({
    namespace: standingNamespace,
    name: comers.name,
    image: agnhostImage,
    replicas: comers.replicas,
    labels: {},
  });

async function reboot(
  { mesh, cluster, events, withinMs, signal }: DisturbanceOptions,
  node: string,
): Promise<void> {
  await cluster.kube.until(
    kinds.deployment,
    { namespace: standingNamespace, name: comers.name },
    deploymentReady,
    { what: `the pods of ${comers.name} in ${cluster.name}`, withinMs, signal },
  );
  using _ = events.disturbing([node]);
  using _down = events.lasting(`node ${node} of ${cluster.name} reboots`, {
    cluster: cluster.name,
    node,
    kind: "disturbance",
  });
  await using fault = await injectFault(nodeReboots(cluster, node), { mesh, signal });
  await fault.heal();
}

/** Stops a node; healing starts it and waits until it is Ready. The journal heals it for a killed command. */
const nodeReboots = (cluster: KindCluster, node: string): Fault => ({
  name: "node-reboots",
  group: "nodes",
  does: "stops a node and starts it again (docker stop, docker start)",
  wide: true,
  async inject({ recordUndo, signal }) {
    await recordUndo({ do: "await-nodes", cluster: cluster.name }, { do: "start", node });
    await stopNode(cluster.node(node), signal);
    return { subject: `node ${node}`, names: [node] };
  },
});
