import { kvstoreMeshStatus } from "#harness/cilium/kvstoremesh/kvstore-mesh.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import type { KubeObject } from "#harness/kube/kube.ts";
import type { Fault, FaultContext } from "../fault.ts";
import { noticed } from "./noticed.ts";
import { firstTwo } from "./victim.ts";

const [label = "", value = ""] = apiserverSelector.split("=");
const apiserver = { matchLabels: { [label]: value } };

/** A policy that selects the first cluster's clustermesh-apiserver and lets nobody in, as a default deny does. */
interface ShutOff {
  readonly name: string;
  readonly does: string;
  readonly kind: "networkPolicy" | "ciliumClusterwideNetworkPolicy";
  readonly policy: (name: string) => KubeObject;
}

function shutOff({ name, does, kind, policy }: ShutOff): Fault {
  return {
    name,
    group: "configuration",
    needs: "KVStoreMesh",
    does,
    async inject(ctx) {
      const [first, second] = firstTwo(ctx);
      const object = policy(`shut-off-${ctx.mark.slice(-6)}`);
      const { name: policyName, namespace } = object.metadata;
      await ctx.recordUndo(
        { do: "await-mesh" },
        {
          do: "remove",
          cluster: first.name,
          kind,
          name: policyName,
          ...(namespace === undefined ? {} : { namespace }),
        },
      );
      await first.kube.apply(object);
      // A connection that is open would count as ready for minutes.
      await ctx.runUndo({ do: "replace-pods", cluster: second.name, selector: apiserverSelector });
      return {
        subject: `policy ${policyName} of ${first.name}`,
        names: [policyName, first.name],
        tookHold: () => lost(ctx),
      };
    },
  };
}

/** Waits until KVStoreMesh of the second cluster has lost the first. */
function lost(ctx: FaultContext): Promise<void> {
  const [first, second] = firstTwo(ctx);
  return noticed(`KVStoreMesh of ${second.name} to lose ${first.name}`, ctx.signal, async () => {
    const remote = (await kvstoreMeshStatus(second, ctx.signal)).find((c) => c.name === first.name);
    return remote?.ready === true ? remote.status : undefined;
  });
}

export const controlPlanePolicyFaults: readonly Fault[] = [
  shutOff({
    name: "apiserver-shut-off",
    does: "adds a NetworkPolicy to kube-system of the first cluster that lets nobody in to clustermesh-apiserver",
    kind: "networkPolicy",
    policy: (name) => ({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name, namespace: "kube-system" },
      spec: { podSelector: apiserver, policyTypes: ["Ingress"] },
    }),
  }),
  shutOff({
    name: "apiserver-shut-off-clusterwide",
    does: "adds a CiliumClusterwideNetworkPolicy to the first cluster that lets nobody in to clustermesh-apiserver",
    kind: "ciliumClusterwideNetworkPolicy",
    policy: (name) => ({
      apiVersion: "cilium.io/v2",
      kind: "CiliumClusterwideNetworkPolicy",
      metadata: { name },
      // An empty rule allows nothing.
      spec: { endpointSelector: apiserver, ingress: [{}] },
    }),
  }),
];
