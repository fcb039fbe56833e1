import { Agent, agentsOf } from "#harness/cilium/agent/agent.ts";
import { awaitAddress } from "#harness/cilium/agent/new-pod.ts";
import { setCacheTtl, setMembers } from "#harness/cilium/install/mesh-values.ts";
import { reconnectAll } from "#harness/cilium/install/reconnect.ts";
import { putEntry, removeEntry } from "#harness/cilium/kvstore/kvstore.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { kindNode } from "#harness/cluster/kind/kind-node.ts";
import { routeBetween } from "#harness/cluster/kind/networks.ts";
import { continueProcesses, startNode, unpauseNode } from "#harness/cluster/kind/node-control.ts";
import { setLinkMtu } from "#harness/cluster/kind/node-link.ts";
import { type Mesh, orderedPairs } from "#harness/cluster/mesh.ts";
import { isKindPlan } from "#harness/config/plan.ts";
import { deploymentReady, hasCondition, podReady } from "#harness/kube/conditions.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { notYet, ready } from "#harness/lib/eventually.ts";
import type { Undo } from "#harness/model/undo.ts";
import { awaitVantages, systemNamespace } from "#harness/workloads/vantage.ts";
import { ghostAddress, makeGhost, someEndpoint } from "./catalogue/ghost.ts";
import { removeRoutingRule } from "./catalogue/routing.ts";
import { removeRules } from "./catalogue/rules.ts";

const within = (signal: AbortSignal) => ({ withinMs: 180_000, signal });

/** Runs one undo step and checks that it worked. The journal holds only the name of a node. */
export async function undo(mesh: Mesh, step: Undo, signal: AbortSignal): Promise<void> {
  switch (step.do) {
    case "remove-rules":
      return removeRules(kindNode(step.node), step.mark, step.podUid, signal);
    case "remove-routing-rule":
      return removeRoutingRule(kindNode(step.node), step.to, signal);
    case "scale":
      return scaleBack(mesh.cluster(step.cluster), step, signal);
    case "merge": {
      const { kube } = mesh.cluster(step.cluster);
      if ((await kube.get(kinds[step.kind], step.namespace, step.name)) !== undefined)
        await kube.merge(kinds[step.kind], step.namespace, step.name, step.patch);
      return;
    }
    case "apply": {
      const object = step.object as unknown as KubeObject;
      const { kube } = mesh.cluster(step.cluster);
      const { namespace } = object.metadata;
      if (namespace !== undefined && (await kube.get(kinds.namespace, undefined, namespace)) === undefined)
        return;
      await removeOtherAddress(kube, object);
      await kube.apply(object);
      return;
    }
    case "remove":
      return mesh.cluster(step.cluster).kube.remove(kinds[step.kind], step.namespace, step.name, 0);
    case "unpause":
      return unpauseNode(kindNode(step.node), signal);
    case "start":
      await startNode(kindNode(step.node), signal);
      return isKindPlan(mesh.state.plan)
        ? routeBetween(mesh.state.plan, mesh.state.artifacts.proberImage, signal)
        : undefined;
    case "set-link-mtu":
      return setLinkMtu(kindNode(step.node), step.mtu, signal);
    case "continue":
      return continueProcesses(kindNode(step.node), step.process, signal);
    case "agent-command": {
      if (step.onlyWhile !== undefined && !(await hasEndpoint(mesh, step.onlyWhile))) return;
      const at = (await mesh.cluster(step.cluster).agents()).find((a) => a.node === step.node);
      if (at !== undefined) await new Agent(mesh.cluster(step.cluster), at, signal).run(step.argv);
      return;
    }
    case "kvstore-put":
      return putEntry(mesh.cluster(step.cluster), step.key, step.value);
    case "kvstore-remove":
      return removeEntry(mesh.cluster(step.cluster), step.key);
    case "set-members":
      return setMembers(mesh, mesh.cluster(step.cluster), step.members, signal);
    case "set-cache-ttl":
      return setCacheTtl(mesh, mesh.cluster(step.cluster), step.cacheTtl, signal);
    case "replace-pods":
      return replacePods(mesh.cluster(step.cluster), step, signal);
    case "await-nodes":
      return awaitNodes(mesh.cluster(step.cluster), signal);
    case "await-mesh":
      return awaitMesh(mesh, signal);
  }
}

/** The address of a service is fixed: one that was created in the meantime is in the way. */
async function removeOtherAddress(kube: Cluster["kube"], object: KubeObject): Promise<void> {
  const { name, namespace } = object.metadata;
  const address = object.spec?.clusterIP as string | undefined;
  if (object.kind !== "Service" || address === undefined) return;
  const current = await kube.get(kinds.service, namespace, name);
  if (current !== undefined && current.spec?.clusterIP !== address)
    await kube.remove(kinds.service, namespace, name);
}

async function scaleBack(
  { kube }: Cluster,
  step: Extract<Undo, { do: "scale" }>,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name, replicas } = step;
  if ((await kube.get(kinds.deployment, namespace, name)) === undefined) return;
  await kube.merge(kinds.deployment, namespace, name, { spec: { replicas } });
  await kube.until(kinds.deployment, { namespace, name }, deploymentReady, {
    what: `deployment ${name} to have its ${replicas} replicas again`,
    ...within(signal),
  });
}

async function replacePods(
  { kube }: Cluster,
  step: Extract<Undo, { do: "replace-pods" }>,
  signal: AbortSignal,
): Promise<void> {
  const { namespace = "kube-system" } = step;
  const matching = (pods: readonly KubeObject[]): KubeObject[] =>
    pods.filter((p) => step.node === undefined || p.spec?.nodeName === step.node);
  const before = matching(await kube.list(kinds.pod, namespace, step.selector));
  for (const pod of before) await kube.remove(kinds.pod, namespace, pod.metadata.name, 0);
  const old = new Set(before.map((p) => p.metadata.uid));
  await kube.until(
    kinds.pod,
    { namespace, labelSelector: step.selector },
    (pods) => {
      const fresh = matching(pods).filter((p) => !old.has(p.metadata.uid) && podReady(p));
      return fresh.length >= before.length
        ? ready(undefined)
        : notYet(`${fresh.length} of ${before.length} new pods ready`);
    },
    { what: `new pods of ${step.selector}`, ...within(signal) },
  );
}

async function hasEndpoint(
  mesh: Mesh,
  at: { readonly cluster: string; readonly endpointIp: string },
): Promise<boolean> {
  const endpoints = await mesh.cluster(at.cluster).kube.list(kinds.ciliumEndpoint);
  return endpoints.some((e) => e.status?.networking?.addressing?.[0]?.ipv4 === at.endpointIp);
}

async function awaitNodes(cluster: Cluster, signal: AbortSignal): Promise<void> {
  const { kube } = cluster;
  // A node whose object was deleted is missing until its kubelet registers again.
  const expected = (await cluster.nodes()).map((n) => n.name);
  await kube.until(
    kinds.node,
    {},
    (nodes) => {
      const readyNodes = new Set(nodes.filter((n) => hasCondition(n, "Ready")).map((n) => n.metadata.name));
      const open = [...expected, ...nodes.map((n) => n.metadata.name)].filter(
        (name) => !readyNodes.has(name),
      );
      return nodes.length > 0 && open.length === 0
        ? ready(undefined)
        : notYet(`not Ready: ${[...new Set(open)].join(", ")}`);
    },
    { what: `every node of ${kube.cluster} to be Ready`, ...within(signal) },
  );
  await awaitVantages(kube, within(signal));
}

/**
 * Waits until KVStoreMesh and every agent are connected and synchronised under the right id. Because a status may be
 * minutes old, it then creates an endpoint in each cluster and waits until every agent of the others learns it.
 */
async function awaitMesh(mesh: Mesh, signal: AbortSignal): Promise<void> {
  const { clusters } = mesh;
  for (const cluster of clusters.filter((c) => c.capabilities.hasApiserver))
    await cluster.kube.until(
      kinds.deployment,
      { namespace: "kube-system", name: "clustermesh-apiserver" },
      deploymentReady,
      { what: "clustermesh-apiserver", ...within(signal) },
    );
  // Disconnected clients may back off for long; a changed entry makes them reconnect immediately.
  await reconnectAll(clusters, within(signal));
  // A cluster with its own etcd exports endpoints from there, not from objects that can be created by hand.
  const pairs = orderedPairs(clusters).filter(([, to]) => to.capabilities.hasApiserver);
  await Promise.all(pairs.map(([from, to], i) => awaitCrossing(from, to, i, signal)));
}

/** An address for documentation (RFC 5737), which no node has. */
const unusedAddress = "192.0.2.1";

async function awaitCrossing(from: Cluster, to: Cluster, index: number, signal: AbortSignal): Promise<void> {
  const at = {
    namespace: systemNamespace,
    name: `crossing-to-${from.name}`,
    ip: ghostAddress(to, 10 + index),
    // A starting agent removes unknown endpoints of its own node (pkg/endpointcleanup), so this one has no real node.
    node: unusedAddress,
  };
  await makeGhost(to, await someEndpoint(to, systemNamespace), at);
  try {
    for (const agent of await agentsOf(from, signal)) await awaitAddress(agent, at.ip, within(signal));
  } finally {
    await to.kube.remove(kinds.ciliumEndpoint, at.namespace, at.name);
  }
}
