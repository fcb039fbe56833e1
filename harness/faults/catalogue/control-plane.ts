import type { KindCluster } from "#harness/cluster/kind/kind-cluster.ts";
import type { KindNode } from "#harness/cluster/kind/kind-node.ts";
import { killProcesses, processesOf, stopProcesses } from "#harness/cluster/kind/node-control.ts";
import {
  agentSelector,
  apiserverSelector,
  corednsSelector,
  operatorSelector,
} from "#harness/cluster/selectors.ts";
import { podReady } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { notYet, pause, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import type { Fault, FaultContext } from "../fault.ts";
import { inBackground } from "./background.ts";
import { toZero, untilNoPods } from "./scale.ts";
import { clusterAt, kindClusterAt, victimNode } from "./victim.ts";

export const agentProcess = "^cilium-agent ";
export const kvstoreMeshProcess = "clustermesh-apiserver kvstoremesh";
/** Writes the cluster's services, nodes and identities into its kvstore. */
export const clusterMeshProcess = "clustermesh-apiserver clustermesh";

/** The nodes of a deployment's pods, the first one's first; throws `fault-no-effect` if there is none. */
export async function nodesOf(
  cluster: KindCluster,
  selector: string,
): Promise<readonly [KindNode, ...KindNode[]]> {
  const pods = await cluster.kube.list(kinds.pod, "kube-system", selector);
  const names = new Set(pods.flatMap((p) => (p.spec?.nodeName === undefined ? [] : String(p.spec.nodeName))));
  const [first, ...others] = [...names].map((name) => cluster.node(name));
  if (first === undefined)
    throw new MeshproofError("fault-no-effect", `no pod ${selector} runs in ${cluster.name}`);
  return [first, ...others];
}

interface DeploymentDown {
  readonly name: string;
  /** Index of the target cluster. */
  readonly index: number;
  readonly deployment: string;
  readonly selector: string;
  readonly does: string;
}

/** Scales a deployment of kube-system to zero. */
function down({ name, index, deployment, selector, does }: DeploymentDown): Fault {
  return {
    name,
    group: "control-plane",
    ...(selector === apiserverSelector ? { needs: "clustermesh-apiserver" } : {}),
    does,
    async inject(ctx) {
      const { kube } = clusterAt(ctx, index);
      await ctx.recordUndo({ do: "await-mesh" });
      await toZero(ctx, kube, "kube-system", deployment);
      await untilNoPods(kube, "kube-system", selector, ctx.signal);
      return { subject: `${deployment} of ${kube.cluster}`, names: [kube.cluster] };
    },
  };
}

interface ProcessKilled {
  readonly name: string;
  /** Index of the target cluster. */
  readonly index: number;
  /** A pattern that matches its command line. */
  readonly process: string;
  readonly selector: string;
  readonly does: string;
  /** For a DaemonSet: the node whose pod is the target. */
  readonly at?: (ctx: FaultContext, index: number) => Promise<KindNode>;
}

/**
 * Kills a process of a pod of kube-system whenever it restarts. The undo step replaces the pod, because its container
 * would stay in back-off for minutes.
 */
function killed({ name, index, process, selector, does, at }: ProcessKilled): Fault {
  return {
    name,
    group: "control-plane",
    ...(selector === apiserverSelector
      ? { needs: process.endsWith("kvstoremesh") ? "KVStoreMesh" : "clustermesh-apiserver" }
      : {}),
    does,
    async inject(ctx) {
      const cluster = kindClusterAt(ctx, index);
      const target = at === undefined ? (await nodesOf(cluster, selector))[0] : await at(ctx, index);
      const node = target.name;
      const pods = { do: "replace-pods" as const, cluster: cluster.name, selector };
      await ctx.recordUndo({ do: "await-mesh" }, at === undefined ? pods : { ...pods, node });
      const kills = await killing(ctx, { cluster, node: target, selector }, process);
      return {
        subject: `${process.replace(/^\^|\s+$/g, "")} of ${cluster.name} on ${node}`,
        names: at === undefined ? [node, cluster.name] : [node],
        tookHold: kills.down,
        beforeHeal: kills.stop,
      };
    },
  };
}

/** Kills the process until `stop`. `down` waits until the container is in kubelet's back-off. */
async function killing(
  ctx: FaultContext,
  at: { readonly cluster: KindCluster; readonly node: KindNode; readonly selector: string },
  process: string,
): Promise<{ down: () => Promise<void>; stop: () => Promise<void> }> {
  const { node } = at;
  if (!(await killProcesses(node, process, ctx.signal)))
    throw new MeshproofError("fault-no-effect", `no process ${process} runs on ${node.name}`);
  const { stop } = inBackground(`the kill loop on ${node.name}`, async (signal) => {
    for (;;) {
      await pause(1000, signal);
      await killProcesses(node, process, signal);
    }
  });
  return {
    down: () =>
      at.cluster.kube.until(
        kinds.pod,
        { namespace: "kube-system", labelSelector: at.selector },
        (pods) =>
          pods.some((p) => p.spec?.nodeName === node.name && !podReady(p))
            ? ready(undefined)
            : notYet("it is ready"),
        { what: `${process} on ${node.name} to be down`, withinMs: preparedWithinMs, signal: ctx.signal },
      ),
    stop,
  };
}

export const controlPlaneFaults: readonly Fault[] = [
  down({
    name: "apiserver-down",
    index: 1,
    deployment: "clustermesh-apiserver",
    selector: apiserverSelector,
    does: "scales the second cluster's clustermesh-apiserver to zero, so the others do not learn of changes there",
  }),
  killed({
    name: "apiserver-killed",
    index: 0,
    process: "clustermesh-apiserver clustermesh",
    selector: apiserverSelector,
    does: "kills the first cluster's clustermesh-apiserver whenever it restarts",
  }),
  killed({
    name: "etcd-killed",
    index: 1,
    process: "etcd .*--name=clustermesh-apiserver",
    selector: apiserverSelector,
    does: "kills the etcd beside the second cluster's clustermesh-apiserver whenever it restarts",
  }),
  killed({
    name: "kvstoremesh-killed",
    index: 0,
    process: kvstoreMeshProcess,
    selector: apiserverSelector,
    does: "kills the first cluster's KVStoreMesh whenever it restarts, so it learns nothing about the other clusters",
  }),
  killed({
    name: "kvstoremesh-killed-back",
    index: 1,
    process: kvstoreMeshProcess,
    selector: apiserverSelector,
    does: "kills the second cluster's KVStoreMesh whenever it restarts",
  }),
  down({
    name: "operator-down",
    index: 1,
    deployment: "cilium-operator",
    selector: operatorSelector,
    does: "scales the second cluster's operator to zero, so it assigns no LoadBalancer address",
  }),
  down({
    name: "operator-down-back",
    index: 0,
    deployment: "cilium-operator",
    selector: operatorSelector,
    does: "scales the first cluster's operator to zero",
  }),
  {
    name: "coredns-down",
    group: "control-plane",
    does: "scales CoreDNS to zero in every cluster, so no name resolves",
    async inject(ctx) {
      for (const { kube } of ctx.mesh.clusters) {
        await toZero(ctx, kube, "kube-system", "coredns");
        await untilNoPods(kube, "kube-system", corednsSelector, ctx.signal);
      }
      const names = ctx.mesh.clusters.map((c) => `CoreDNS of ${c.name}`);
      return { subject: names.join(", "), names };
    },
  },
  killed({
    name: "agent-killed",
    index: 0,
    process: agentProcess,
    selector: agentSelector,
    does: "kills the agent of the first cluster's worker whenever it restarts; its data plane keeps working",
    at: victimNode,
  }),
  {
    name: "agent-paused",
    group: "control-plane",
    does: "stops the agent process of the second cluster's worker (SIGSTOP)",
    async inject(ctx) {
      const target = await victimNode(ctx, 1);
      const node = target.name;
      await ctx.recordUndo({ do: "await-mesh" }, { do: "continue", node, process: agentProcess });
      await stopProcesses(target, agentProcess, ctx.signal);
      return {
        subject: `the agent of ${node}`,
        names: [node],
        async beforeHeal() {
          const found = await processesOf(target, agentProcess, AbortSignal.timeout(20_000));
          if (!found.some((p) => p.state === "T"))
            throw new MeshproofError("fault-no-effect", `the agent of ${node} did not stay stopped`);
        },
      };
    },
  },
];
