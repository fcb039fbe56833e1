import { type Cluster, localNode } from "#harness/cluster/cluster.ts";
import { podReady } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { notYet, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import { echoHttpPort, echoUdpPort } from "#harness/workloads/echo.ts";
import type { Fault, FaultContext, Injected, SuiteFault } from "../fault.ts";
import { echoPods, type VictimPod } from "./pods.ts";
import { type Rule, setRules } from "./rules.ts";
import { toZero, untilNoPods } from "./scale.ts";
import { clusterAt } from "./victim.ts";

/** Scales the suite's deployments of one cluster to zero. */
function backendsStopped(name: string, index: number): Fault {
  return {
    name,
    group: "workload",
    does: `scales the suite's deployments to zero in the ${index === 0 ? "first" : "second"} cluster`,
    needsNamespace: true,
    async inject(ctx): Promise<Injected> {
      const { kube } = clusterAt(ctx, index);
      const subjects: string[] = [];
      const names = [kube.cluster];
      for (const deployment of await kube.list(kinds.deployment, ctx.namespace)) {
        if (Number(deployment.spec?.replicas ?? 0) === 0) continue;
        subjects.push(await toZero(ctx, kube, ctx.namespace, deployment.metadata.name));
        names.push(deployment.metadata.name);
        const labels = Object.entries(deployment.spec.selector.matchLabels as Record<string, string>);
        const selector = labels.map(([key, value]) => `${key}=${value}`).join(",");
        await untilNoPods(kube, ctx.namespace, selector, ctx.signal);
      }
      if (subjects.length === 0)
        throw new MeshproofError(
          "fault-no-effect",
          `no deployment with replicas in ${ctx.namespace} of ${kube.cluster}`,
        );
      return { subject: subjects.join(", "), names };
    },
  };
}

interface PodRules {
  readonly name: string;
  readonly does: string;
  /** The packets that match, and what happens to them. */
  readonly rules: (pod: VictimPod) => readonly (readonly [readonly string[], readonly string[]])[];
  /** Whether to wait until the pods are unready. */
  readonly unready?: boolean;
  /** The cluster whose pods are the target; the second one by default. */
  readonly target?: (ctx: FaultContext) => Cluster;
}

const second = (ctx: FaultContext): Cluster => clusterAt(ctx, 1);

/** Rules in the pods' own network namespaces; the processes are not affected. */
export function podRules({ name, does, rules, unready = false, target = second }: PodRules): SuiteFault {
  return {
    name,
    group: "workload",
    needs: "nodes on this machine",
    does,
    needsNamespace: true,
    async inject(ctx) {
      const cluster = target(ctx);
      const pods = await echoPods(ctx, cluster);
      const injected = await setRules(
        ctx,
        pods.flatMap((pod) =>
          rules(pod).map(
            ([match, jump]): Rule => ({
              node: localNode(cluster, pod.node),
              podUid: pod.uid,
              table: "filter",
              chain: "INPUT",
              match,
              jump,
            }),
          ),
        ),
        {
          subject: `${pods.length} echo pods of ${cluster.name}`,
          names: [cluster.name, ...pods.map((p) => p.name)],
        },
      );
      if (!unready) return injected;
      return {
        ...injected,
        async tookHold() {
          await cluster.kube.until(
            kinds.pod,
            { namespace: ctx.namespace },
            (all) => {
              const still = all.filter((p) => pods.some((v) => v.uid === p.metadata.uid) && podReady(p));
              return still.length === 0 ? ready(undefined) : notYet(`${still.length} are still ready`);
            },
            { what: "the echo pods to be unready", withinMs: preparedWithinMs, signal: ctx.signal },
          );
        },
      };
    },
  };
}

/** Matches the traffic of kubelet's readiness probes of a pod. */
export const readinessRules = (
  pod: VictimPod,
): readonly (readonly [readonly string[], readonly string[]])[] => [[["-s", pod.kubeletIp, ...http], drop]];

const http = ["-p", "tcp", "--dport", String(echoHttpPort)];
const udp = ["-p", "udp", "--dport", String(echoUdpPort)];
const drop = ["DROP"];

export const workloadFaults: readonly Fault[] = [
  backendsStopped("remote-backends-stopped", 1),
  backendsStopped("local-backends-stopped", 0),
  podRules({
    name: "backends-silent",
    does: "makes the second cluster's echo pods accept connections and never respond, while they stay ready",
    rules: (pod) => [
      [["!", "-s", pod.kubeletIp, ...http, "--tcp-flags", "PSH", "PSH"], drop],
      [["!", "-s", pod.kubeletIp, ...udp], drop],
    ],
  }),
  podRules({
    name: "backends-reset",
    does: "makes the second cluster's echo pods reset every connection, while they stay ready",
    rules: (pod) => [
      [
        ["!", "-s", pod.kubeletIp, ...http],
        ["REJECT", "--reject-with", "tcp-reset"],
      ],
    ],
  }),
  podRules({
    name: "readiness-failing",
    does: "makes the readiness probes of the second cluster's echo pods fail, while their processes still respond",
    rules: readinessRules,
    unready: true,
  }),
];
