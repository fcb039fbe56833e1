import type { Cluster } from "#harness/cluster/cluster.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { FaultContext } from "../fault.ts";

/** A running pod of the suite in one cluster, and the source address of its kubelet's probes. */
export interface VictimPod {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly ip: string;
  /** The node's CiliumInternalIP. */
  readonly kubeletIp: string;
}

/** The suite's echo pods in a cluster; throws `fault-no-effect` if there are none. */
export async function echoPods(ctx: FaultContext, cluster: Cluster): Promise<VictimPod[]> {
  const routers = new Map<string, string>();
  for (const node of await cluster.kube.list(kinds.ciliumNode)) {
    const addresses = (node.spec?.addresses ?? []) as { type: string; ip: string }[];
    const router = addresses.find((a) => a.type === "CiliumInternalIP" && !a.ip.includes(":"));
    if (router !== undefined) routers.set(node.metadata.name, router.ip);
  }
  const pods = (await cluster.kube.list(kinds.pod, ctx.namespace)).filter(hasEcho);
  if (pods.length === 0)
    throw new MeshproofError("fault-no-effect", `no echo pod runs in ${ctx.namespace} of ${cluster.name}`);
  return pods.map((p) => ({
    name: p.metadata.name,
    uid: String(p.metadata.uid),
    node: String(p.spec.nodeName),
    ip: String(p.status.podIP),
    kubeletIp: routers.get(String(p.spec.nodeName)) ?? "",
  }));
}

function hasEcho(pod: KubeObject): boolean {
  return (
    pod.status?.phase === "Running" &&
    pod.metadata.deletionTimestamp === undefined &&
    (pod.spec.containers as { name: string }[]).some((c) => c.name === "echo")
  );
}
