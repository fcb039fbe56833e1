import type { Cluster } from "#harness/cluster/cluster.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { addressAt, parseCidr } from "#harness/lib/cidr.ts";
import { MeshproofError } from "#harness/lib/errors.ts";

/** An address in a cluster's pod CIDR that no pod has, counted back from its end. */
export function ghostAddress(cluster: Cluster, fromTheEnd = 1): string {
  const cidr = parseCidr(cluster.podCidr);
  return addressAt(cidr, Number(cidr.last - cidr.first) - fromTheEnd);
}

/** An endpoint of a cluster: in the namespace if given, else any. */
export async function someEndpoint({ kube }: Cluster, namespace?: string): Promise<KubeObject> {
  const preferred = namespace === undefined ? [] : await kube.list(kinds.ciliumEndpoint, namespace);
  const found = [...preferred, ...(await kube.list(kinds.ciliumEndpoint))].find(
    (e) => e.status?.networking?.addressing?.[0]?.ipv4 !== undefined,
  );
  if (found === undefined)
    throw new MeshproofError("fault-no-effect", `cluster ${kube.cluster} has no endpoint with an address`);
  return found;
}

/** Creates a CiliumEndpoint without a pod, modelled on a real one, so that the other clusters learn its address. */
export async function makeGhost(
  { kube }: Cluster,
  model: KubeObject,
  at: { readonly namespace: string; readonly name: string; readonly ip: string; readonly node?: string },
): Promise<void> {
  await kube.apply({
    apiVersion: "cilium.io/v2",
    kind: "CiliumEndpoint",
    metadata: { name: at.name, namespace: at.namespace },
    status: {
      id: 65000,
      identity: model.status.identity,
      networking: { addressing: [{ ipv4: at.ip }], node: at.node ?? model.status.networking.node },
      state: "ready",
    },
  } as KubeObject);
}
