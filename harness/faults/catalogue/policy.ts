import { agentsOf } from "#harness/cilium/agent/agent.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { eventually, notYet, pause, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import { policyObject } from "#harness/workloads/policy-workload.ts";
import type { Fault, FaultContext } from "../fault.ts";
import { clusterAt } from "./victim.ts";

type PolicyKind = "ciliumNetworkPolicy" | "networkPolicy";

/** Changes policies as the tests create them, until the fault is healed. */
function onPolicies(
  name: string,
  does: string,
  which: readonly PolicyKind[],
  change: (cluster: Cluster, kind: PolicyKind, policy: KubeObject) => Promise<boolean>,
): Fault {
  return {
    name,
    group: "configuration",
    does,
    needsNamespace: true,
    traceless: "only the suite knows what a policy should contain",
    async inject(ctx) {
      const stop = new AbortController();
      const changed: string[] = [];
      const written = new Set<string>();
      const loops = Promise.all(
        ctx.mesh.clusters.map(async (cluster) => {
          while (!stop.signal.aborted) {
            // A policy may be deleted after it was listed; the next round lists again.
            const policies = await Promise.all(
              which.map(async (kind) =>
                (await cluster.kube.list(kinds[kind], ctx.namespace).catch(() => [])).map((policy) => ({
                  kind,
                  policy,
                })),
              ),
            );
            for (const { kind, policy } of policies.flat()) {
              const { name } = policy.metadata;
              // Healing restores none: the suite creates its policies for each test, and deletes them afterwards.
              if (!written.has(`${cluster.name}/${name}`))
                await ctx.recordUndo({
                  do: "remove",
                  cluster: cluster.name,
                  kind,
                  namespace: ctx.namespace,
                  name,
                });
              written.add(`${cluster.name}/${name}`);
              if (await change(cluster, kind, policy).catch(() => false))
                changed.push(`${cluster.name}/${name}`);
            }
            await pause(100, stop.signal).catch(() => undefined);
          }
        }),
      );
      return {
        subject: `network policies in ${ctx.namespace}`,
        names: ctx.mesh.clusters.map((c) => c.name),
        async beforeHeal() {
          stop.abort();
          await loops;
          if (changed.length === 0)
            throw new MeshproofError("fault-no-effect", `no network policy appeared in ${ctx.namespace}`);
        },
      };
    },
  };
}

const mark = "io.meshproof/widened";

export const policyFaults: readonly Fault[] = [
  onPolicies(
    "policy-removed",
    "deletes the suite's network policies in every cluster as they appear",
    ["ciliumNetworkPolicy", "networkPolicy"],
    async (cluster, kind, policy) => {
      await cluster.kube.remove(kinds[kind], policy.metadata.namespace, policy.metadata.name);
      return true;
    },
  ),
  onPolicies(
    "policy-widened",
    "makes the suite's Cilium network policies allow everything as they appear",
    ["ciliumNetworkPolicy"],
    async (cluster, _kind, policy) => {
      if (policy.metadata.annotations?.[mark] !== undefined) return false;
      const ingress = policy.spec.ingress === undefined ? {} : { ingress: [{ fromEntities: ["all"] }] };
      const egress = policy.spec.egress === undefined ? {} : { egress: [{ toEntities: ["all"] }] };
      await cluster.kube.merge(kinds.ciliumNetworkPolicy, policy.metadata.namespace, policy.metadata.name, {
        metadata: { annotations: { [mark]: "true" } },
        spec: { ...ingress, ...egress },
      });
      return true;
    },
  ),
  policyAdded("policy-added", 1),
  policyAdded("policy-added-back", 0),
  ipBlockOnly(),
];

/** A range of documentation (RFC 5737), so that no client has an address of it. */
const vpnRange = "192.0.2.0/24";

/**
 * Nobody should get in. Cilium 1.19.0 to 1.19.4 with policyDefaultLocalCluster lets the pods of its own namespace in
 * (CVE-2026-56743), which the suite `policy` tests.
 */
function ipBlockOnly(): Fault {
  return {
    name: "policy-ip-block",
    group: "configuration",
    does: "adds a NetworkPolicy for the suite's pods in the first cluster that allows nothing but an address range without clients",
    shownIn: ">=1.19.0 <=1.19.4",
    needsNamespace: true,
    async inject(ctx) {
      const cluster = clusterAt(ctx, 0);
      const name = `vpn-only-${ctx.mark.slice(-6)}`;
      const at = { cluster: cluster.name, kind: "networkPolicy", namespace: ctx.namespace, name } as const;
      await ctx.recordUndo({ do: "remove", ...at });
      await cluster.kube.apply({
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: { name, namespace: ctx.namespace },
        spec: {
          podSelector: {},
          policyTypes: ["Ingress"],
          ingress: [{ from: [{ ipBlock: { cidr: vpnRange } }] }],
        },
      });
      return {
        subject: `policy ${name} in ${cluster.name}`,
        names: [name, cluster.name],
        tookHold: () => enforced(ctx, cluster),
      };
    },
  };
}

/** Adds a policy that denies all ingress into the namespace. */
function policyAdded(name: string, index: number): Fault {
  return {
    name,
    group: "configuration",
    does: `denies all ingress of the suite's pods in the ${index === 0 ? "first" : "second"} cluster`,
    needsNamespace: true,
    async inject(ctx) {
      const cluster = clusterAt(ctx, index);
      const object = policyObject(ctx.namespace, `deny-all-${ctx.mark.slice(-6)}`, {
        endpointSelector: {},
        ingressDeny: [{ fromEntities: ["all"] }],
      });
      await ctx.recordUndo({
        do: "remove",
        cluster: cluster.name,
        kind: "ciliumNetworkPolicy",
        namespace: ctx.namespace,
        name: object.metadata.name,
      });
      await cluster.kube.apply(object);
      return {
        subject: `policy ${object.metadata.name} in ${cluster.name}`,
        names: [cluster.name],
        tookHold: () => enforced(ctx, cluster),
      };
    },
  };
}

/** Waits until every endpoint of the suite's namespace has ingress enforcement on. */
async function enforced(ctx: FaultContext, cluster: Cluster): Promise<void> {
  const label = `k8s:io.kubernetes.pod.namespace=${ctx.namespace}`;
  const agents = await agentsOf(cluster, ctx.signal);
  await eventually(
    async () => {
      const own = (await Promise.all(agents.map((a) => a.endpoints())))
        .flat()
        .filter((e) => e.labels.includes(label));
      const open = own.filter((e) => e.policyEnforced !== "ingress" && e.policyEnforced !== "both");
      return own.length > 0 && open.length === 0
        ? ready(undefined)
        : notYet(`${open.length} of ${own.length} endpoints without enforcement`);
    },
    {
      what: `the policy to be enforced in ${cluster.name}`,
      withinMs: preparedWithinMs,
      everyMs: 300,
      signal: ctx.signal,
    },
  );
}
