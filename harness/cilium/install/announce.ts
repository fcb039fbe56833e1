import type { Cluster } from "#harness/cluster/cluster.ts";
import { hasCondition } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { type EventuallyOptions, notYet, ready } from "#harness/lib/eventually.ts";
import type { LoadBalancerBlock } from "./addresses.ts";

/**
 * Gives the cluster a block of LoadBalancer addresses, and makes one node answer ARP for each (LB IPAM and L2
 * announcements). Waits for the operator to register the kinds.
 */
export async function announceLoadBalancers(
  cluster: Cluster,
  block: LoadBalancerBlock,
  options: Omit<EventuallyOptions, "what">,
): Promise<void> {
  const served = async (crd: string): Promise<string> =>
    cluster.kube.until(
      kinds.crd,
      { name: crd },
      ([object]) => {
        if (object === undefined || !hasCondition(object, "Established"))
          return notYet(`${crd} is not registered`);
        const versions = (object.spec.versions as { name: string; served: boolean }[])
          .filter((v) => v.served)
          .map((v) => v.name);
        return ready(versions.includes("v2") ? "cilium.io/v2" : `cilium.io/${versions[0]}`);
      },
      { what: `the kind ${crd}`, ...options },
    );
  const poolVersion = await served("ciliumloadbalancerippools.cilium.io");
  const policyVersion = await served("ciliuml2announcementpolicies.cilium.io");
  await cluster.kube.apply({
    apiVersion: poolVersion,
    kind: "CiliumLoadBalancerIPPool",
    metadata: { name: "meshproof" },
    spec: { blocks: [{ start: block.start, stop: block.stop }] },
  });
  await cluster.kube.apply({
    apiVersion: policyVersion,
    kind: "CiliumL2AnnouncementPolicy",
    metadata: { name: "meshproof" },
    spec: { loadBalancerIPs: true, interfaces: ["^eth[0-9]+"] },
  });
}
