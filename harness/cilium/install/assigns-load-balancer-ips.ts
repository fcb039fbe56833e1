import type { Cluster } from "#harness/cluster/cluster.ts";
import { hasLoadBalancerIp } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { missedDeadline } from "#harness/lib/errors.ts";
import type { EventuallyOptions } from "#harness/lib/eventually.ts";

const name = "assigns-load-balancer-ips";

/**
 * Whether LB IPAM or a provider gives a LoadBalancer service an address. A trial service shows it, because there are
 * many such providers.
 */
export async function assignsLoadBalancerIPs(
  { kube }: Cluster,
  namespace: string,
  options: Omit<EventuallyOptions, "what">,
): Promise<boolean> {
  await kube.apply({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace },
    spec: { type: "LoadBalancer", ports: [{ port: 80 }] },
  });
  try {
    await kube.until(kinds.service, { namespace, name }, hasLoadBalancerIp, {
      what: "a LoadBalancer address",
      ...options,
    });
    return true;
  } catch (error) {
    if (missedDeadline(error)) return false;
    throw error;
  } finally {
    await kube.remove(kinds.service, namespace, name);
  }
}
