import { type Cluster, requireKind } from "#harness/cluster/cluster.ts";
import { killPod, pauseNode, stopNode } from "#harness/cluster/kind/node-control.ts";
import { agentSelector, apiserverSelector } from "#harness/cluster/selectors.ts";
import { deploymentReady, noneTerminating } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { pause, preparedWithinMs } from "#harness/lib/eventually.ts";
import type { Fault } from "../fault.ts";
import { cut, cutControlPlane, cutTunnels } from "./network.ts";
import { echoPods } from "./pods.ts";
import { setRules } from "./rules.ts";
import { toZero, untilNoPods } from "./scale.ts";
import { podRules, readinessRules } from "./workload.ts";

/** Faults for measurements: the cluster is a parameter, and they do not wait for effects that the traffic shows. */

/**
 * Kills the processes of every echo pod of a cluster at the same time; kubelet restarts them. The undo step replaces
 * the pods, because the back-off of a pod that was killed several times grows.
 */
export function backendsKilled(cluster: Cluster): Fault {
  return {
    name: "backends-killed",
    group: "workload",
    needs: "clusters created by Meshproof",
    does: `kills the echo pods' processes in ${cluster.name} (SIGKILL)`,
    needsNamespace: true,
    async inject(ctx) {
      const kindCluster = requireKind(cluster, "backends-killed");
      const pods = await echoPods(ctx, cluster);
      await ctx.recordUndo({
        do: "replace-pods",
        cluster: cluster.name,
        namespace: ctx.namespace,
        selector: "role=echo",
      });
      await Promise.all(pods.map((p) => killPod(kindCluster.node(p.node), p.uid, ctx.signal)));
      return { subject: `${pods.length} echo pods of ${cluster.name}`, names: [cluster.name] };
    },
  };
}

export function readinessLost(cluster: Cluster): Fault {
  return podRules({
    name: "readiness-lost",
    does: `makes the readiness probes of the echo pods in ${cluster.name} fail while the pods still answer`,
    rules: readinessRules,
    target: () => cluster,
  });
}

/** Replaces the pods one after another; ends when the last new one is ready. */
export function rollout(cluster: Cluster, deployment: string): Fault {
  return {
    name: "rollout",
    group: "workload",
    does: `restarts deployment ${deployment} of ${cluster.name}, pod by pod`,
    needsNamespace: true,
    async inject(ctx) {
      const { kube } = cluster;
      const at = { namespace: ctx.namespace, name: deployment };
      await ctx.recordUndo();
      await kube.merge(kinds.deployment, at.namespace, at.name, {
        spec: { template: { metadata: { annotations: { "meshproof.io/restarted": ctx.mark } } } },
      });
      await kube.until(kinds.deployment, at, deploymentReady, {
        what: `the rollout of ${deployment}`,
        withinMs: preparedWithinMs,
        signal: ctx.signal,
      });
      await kube.until(
        kinds.pod,
        { namespace: at.namespace, labelSelector: `app=${deployment}` },
        noneTerminating,
        { what: `the old pods of ${deployment} to end`, withinMs: preparedWithinMs, signal: ctx.signal },
      );
      return { subject: `deployment ${deployment} of ${cluster.name}`, names: [cluster.name] };
    },
  };
}

/** Nodes of a cluster, frozen (their packets are lost) or stopped. */
export function nodesLost(cluster: Cluster, nodes: readonly string[], how: "paused" | "stopped"): Fault {
  return {
    name: `nodes-${how}`,
    group: "nodes",
    does: `${how === "paused" ? "freezes" : "stops"} ${nodes.join(", ")}`,
    async inject(ctx) {
      const kindCluster = requireKind(cluster, `nodes-${how}`);
      await ctx.recordUndo(
        { do: "await-mesh" },
        { do: "await-nodes", cluster: cluster.name },
        ...nodes.map((node) => ({ do: how === "paused" ? ("unpause" as const) : ("start" as const), node })),
      );
      const lose = how === "paused" ? pauseNode : stopNode;
      await Promise.all(nodes.map((node) => lose(kindCluster.node(node), ctx.signal)));
      return { subject: `nodes ${nodes.join(", ")}`, names: nodes };
    },
  };
}

/**
 * `data`: only tunnels; `control`: only connections to the clustermesh-apiservers; `one way`: all that `there` sends.
 */
export function partitioned(here: Cluster, there: Cluster, what: "data" | "control" | "one way"): Fault {
  return {
    name: `partition-${what.replace(" ", "-")}`,
    group: "network",
    wide: true,
    does: `partitions ${here.name} and ${there.name}: ${what}`,
    async inject(ctx) {
      const [a, b] = [requireKind(here, "a partition"), requireKind(there, "a partition")];
      const rules =
        what === "data"
          ? [...(await cutTunnels(a, b)), ...(await cutTunnels(b, a))]
          : what === "control"
            ? [...(await cutControlPlane(a, b)), ...(await cutControlPlane(b, a))]
            : await cut(a, b);
      const names = [here.name, there.name];
      return setRules(ctx, rules, { subject: `clusters ${names.join(" and ")}`, names });
    },
  };
}

/**
 * Scales a deployment to zero after the cluster's clustermesh-apiserver has been down for a while, so the other
 * clusters do not learn of the change. The undo steps restore the pods before the others can learn that they were
 * gone.
 */
export function changedWhileApiserverLost(cluster: Cluster, deployment: string, lostMs: number): Fault {
  return {
    name: "changed-while-apiserver-lost",
    group: "control-plane",
    needs: "clusters created by Meshproof",
    does: `scales ${cluster.name}'s clustermesh-apiserver to zero, then scales ${deployment} to zero`,
    needsNamespace: true,
    async inject(ctx) {
      const { kube } = cluster;
      await ctx.recordUndo({ do: "await-mesh" });
      await toZero(ctx, kube, "kube-system", "clustermesh-apiserver");
      await untilNoPods(kube, "kube-system", apiserverSelector, ctx.signal);
      await pause(lostMs, ctx.signal);
      const subject = await toZero(ctx, kube, ctx.namespace, deployment);
      return { subject, names: [cluster.name] };
    },
  };
}

/** The other clusters learn nothing more about this cluster; its pods keep running. */
export function apiserverLost(cluster: Cluster): Fault {
  return {
    name: "apiserver-lost",
    group: "control-plane",
    does: `scales ${cluster.name}'s clustermesh-apiserver to zero`,
    async inject(ctx) {
      await ctx.recordUndo({ do: "await-mesh" });
      const subject = await toZero(ctx, cluster.kube, "kube-system", "clustermesh-apiserver");
      await untilNoPods(cluster.kube, "kube-system", apiserverSelector, ctx.signal);
      return { subject, names: [cluster.name] };
    },
  };
}

/** Moves a workload: the backends of one cluster start and become ready, then those of the other end. */
export function migrated(from: Cluster, to: Cluster, leaving: string, coming: string): Fault {
  return {
    name: "migrated",
    group: "workload",
    does: `moves the workload from ${from.name} to ${to.name}`,
    needsNamespace: true,
    async inject(ctx) {
      const { namespace } = ctx;
      const replicas = Number(
        (await from.kube.get(kinds.deployment, namespace, leaving))?.spec?.replicas ?? 0,
      );
      await ctx.recordUndo({ do: "scale", cluster: to.name, namespace, name: coming, replicas: 0 });
      await to.kube.merge(kinds.deployment, namespace, coming, { spec: { replicas } });
      await to.kube.until(kinds.deployment, { namespace, name: coming }, deploymentReady, {
        what: `the workload to run in ${to.name}`,
        withinMs: preparedWithinMs,
        signal: ctx.signal,
      });
      await toZero(ctx, from.kube, namespace, leaving);
      return { subject: `the workload of ${from.name}`, names: [from.name, to.name] };
    },
  };
}

/** Deletes the agent's pod on a node; ends when a new one is ready, and needs no undo step. */
export function agentRestarted(cluster: Cluster, node: string): Fault {
  return {
    name: "agent-restarted",
    group: "control-plane",
    does: `deletes the agent of ${node}`,
    async inject(ctx) {
      await ctx.recordUndo();
      await ctx.runUndo({ do: "replace-pods", cluster: cluster.name, selector: agentSelector, node });
      return { subject: `the agent of ${node}`, names: [node] };
    },
  };
}

/**
 * A prepared state rather than a fault: two clustermesh-apiserver replicas in each cluster, and clients that always
 * use the same one, because each has its own etcd (the chart's `enableSessionAffinity: HAOnly`).
 */
export function twoApiservers(clusters: readonly Cluster[]): Fault {
  const namespace = "kube-system";
  const name = "clustermesh-apiserver";
  return {
    name: "two-apiservers",
    group: "control-plane",
    does: "runs two clustermesh-apiservers in each cluster",
    async inject(ctx) {
      await ctx.recordUndo({ do: "await-mesh" });
      for (const { name: cluster, kube } of clusters) {
        const affinity = (sessionAffinity: string) => ({ spec: { sessionAffinity } });
        const at = { cluster, namespace, name };
        await ctx.recordUndo(
          { do: "scale", ...at, replicas: 1 },
          { do: "merge", ...at, kind: "service", patch: affinity("None") },
        );
        await kube.merge(kinds.service, namespace, name, affinity("ClientIP"));
        await kube.merge(kinds.deployment, namespace, name, { spec: { replicas: 2 } });
      }
      for (const { kube, name: cluster } of clusters)
        await kube.until(kinds.deployment, { namespace, name }, deploymentReady, {
          what: `two clustermesh-apiservers in ${cluster}`,
          withinMs: preparedWithinMs,
          signal: ctx.signal,
        });
      return { subject: "clustermesh-apiserver, twice", names: clusters.map((c) => c.name) };
    },
  };
}
