import { type Cluster, requireKind } from "#harness/cluster/cluster.ts";
import type { KindNode } from "#harness/cluster/kind/kind-node.ts";
import { stopNode } from "#harness/cluster/kind/node-control.ts";
import { onNode } from "#harness/cluster/node.ts";
import { type Kube, type KubeObject, kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { notYet, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import type { Fault } from "../fault.ts";
import { agentProcess } from "./control-plane.ts";

/**
 * A node leaves and comes back as a new one: it is drained, Cilium's state is wiped, it is stopped, its Node and
 * CiliumNode are deleted, and it is started again. Ends when the node starts; its kubelet registers it anew.
 */
export function nodeRenewed(cluster: Cluster, node: string): Fault {
  return {
    name: "node-renewed",
    group: "nodes",
    wide: true,
    does: `drains ${node}, wipes Cilium's state on it, deletes its Node and CiliumNode, and starts it again`,
    async inject(ctx) {
      const target = requireKind(cluster, "node-renewed").node(node);
      const { kube } = cluster;
      await ctx.recordUndo(
        { do: "await-mesh" },
        { do: "await-nodes", cluster: cluster.name },
        {
          do: "merge",
          cluster: cluster.name,
          kind: "node",
          name: node,
          patch: { spec: { unschedulable: null } },
        },
        { do: "start", node },
      );
      await drain(kube, node, ctx.signal);
      await wipe(target, ctx.signal);
      await stopNode(target, ctx.signal);
      await kube.remove(kinds.ciliumNode, undefined, node);
      await kube.remove(kinds.node, undefined, node);
      // Otherwise a kubelet that returns under the same name would restart the old pods; without the Node no pod follows.
      for (const pod of await podsOn(kube, node))
        await kube.remove(kinds.pod, pod.metadata.namespace, pod.metadata.name, 0);
      await ctx.runUndo({ do: "start", node });
      return { subject: `node ${node}`, names: [node] };
    },
  };
}

const podsOn = async (kube: Kube, node: string): Promise<KubeObject[]> =>
  (await kube.list(kinds.pod)).filter((p) => p.spec?.nodeName === node);

interface Owned {
  readonly ownerReferences?: readonly { readonly kind: string }[];
}

/** A DaemonSet's pods tolerate a cordoned node, and would be created again. */
const ofDaemonSet = (pod: KubeObject): boolean =>
  ((pod.metadata as Owned).ownerReferences ?? []).some((o) => o.kind === "DaemonSet" || o.kind === "Node");

/**
 * Like `kubectl drain --ignore-daemonsets --force`, without disruption budgets: waits for the pods that it deleted. Pods
 * that tolerate a cordon, as the echo pods do, may be replaced on the same node.
 */
async function drain(kube: Kube, node: string, signal: AbortSignal): Promise<void> {
  await kube.merge(kinds.node, undefined, node, { spec: { unschedulable: true } });
  const old = (await podsOn(kube, node)).filter((p) => !ofDaemonSet(p));
  const uids = new Set(old.map((p) => p.metadata.uid));
  for (const { metadata } of old) await kube.remove(kinds.pod, metadata.namespace, metadata.name);
  await kube.until(
    kinds.pod,
    {},
    (pods) => {
      const left = pods.filter((p) => uids.has(p.metadata.uid));
      return left.length === 0 ? ready(undefined) : notYet(left.map((p) => p.metadata.name).join(", "));
    },
    { what: `node ${node} to be drained`, withinMs: preparedWithinMs, signal },
  );
}

/**
 * Removes what a new node would not have: the agent's state, BPF pins, and the CNI configuration, which a running agent
 * would write again and which makes a node Ready before its agent runs. The mount of cgroup2 below the agent's folder is
 * not of this folder's file system and stays.
 */
async function wipe(node: KindNode, signal: AbortSignal): Promise<void> {
  const script = [
    "systemctl stop kubelet",
    `pkill -KILL -f '${agentProcess}' || true`,
    "umount -l /var/run/cilium/cgroupv2 2>/dev/null || true",
    "rm -rf --one-file-system /var/run/cilium /opt/cni/bin/cilium-cni",
    "find /etc/cni/net.d -name '*cilium*' -delete",
    "find /sys/fs/bpf -mindepth 1 -depth -delete 2>/dev/null || true",
    "ls /var/run/cilium /etc/cni/net.d/*cilium* /sys/fs/bpf/cilium /sys/fs/bpf/tc 2>/dev/null || true",
  ].join("; ");
  const { stdout } = await onNode(node, ["sh", "-c", script], { signal });
  if (stdout.trim() !== "")
    throw new MeshproofError(
      "fault-no-effect",
      `Cilium's state on node ${node.name} could not be removed: ${stdout.trim().slice(0, 300)}`,
    );
}
