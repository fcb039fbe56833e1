import { type Agent, agentsOf } from "#harness/cilium/agent/agent.ts";
import { awaitAddress } from "#harness/cilium/agent/new-pod.ts";
import { entriesUnder, removeEntry } from "#harness/cilium/kvstore/kvstore.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { eventually, notYet, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import type { IpcacheEntry } from "#harness/model/snapshot.ts";
import { echoHttpPort } from "#harness/workloads/echo.ts";
import type { Fault, FaultContext } from "../fault.ts";
import { ghostAddress, makeGhost, someEndpoint } from "./ghost.ts";
import { clusterAt, firstTwo } from "./victim.ts";

const identityPrefix = "cilium/state/identities/v1/id/";

export const stateFaults: readonly Fault[] = [
  ipcacheEntry({
    name: "ipcache-entry-removed",
    does: "removes one pod of the second cluster from the ipcache BPF map of the first cluster's agents",
    argv: (cidr) => ["cilium-dbg", "bpf", "ipcache", "delete", cidr],
  }),
  ipcacheEntry({
    name: "ipcache-entry-changed",
    does: "gives one pod of the second cluster the identity `world` in the ipcache BPF map of the first cluster's agents",
    argv: (cidr, { tunnelEndpoint }) => [
      ...["cilium-dbg", "bpf", "ipcache", "update", cidr],
      ...["--identity", "2", "--tunnelendpoint", tunnelEndpoint],
    ],
  }),
  ipcacheEntry({
    name: "ipcache-tunnel-changed",
    does: "gives one pod of the second cluster the address of another node in the ipcache BPF map of the first cluster's agents",
    argv: (cidr, { identity }, otherNode) => [
      ...["cilium-dbg", "bpf", "ipcache", "update", cidr],
      ...["--identity", String(identity), "--tunnelendpoint", otherNode],
    ],
  }),
  {
    name: "identity-missing",
    group: "state",
    needs: "clustermesh-apiserver",
    does: "removes the identity of a pod from the second cluster's kvstore, so the others forget it",
    async inject(ctx) {
      const [first, second] = firstTwo(ctx);
      const endpoint = await someEndpoint(second, ctx.namespace);
      const id = Number(endpoint.status.identity.id);
      const key = `${identityPrefix}${id}`;
      const value = (await entriesUnder(second, identityPrefix)).get(String(id));
      if (value === undefined)
        throw new MeshproofError("fault-no-effect", `the kvstore of ${second.name} has no identity ${id}`);
      const counted = async (agent: Agent): Promise<number> =>
        (await agent.remoteClusters()).find((c) => c.name === second.name)?.counts.identities ?? 0;
      const agents = await agentsOf(first, ctx.signal);
      await ctx.recordUndo({ do: "kvstore-put", cluster: second.name, key, value });
      await removeEntry(second, key);
      return {
        subject: `identity ${id} of ${second.name}`,
        names: [String(id), second.name],
        tookHold: async () => {
          for (const agent of agents)
            await eventually(
              async () => {
                if ((await agent.identities()).some((known) => known.id === id))
                  return notYet("it still has it");
                // The count in the status changes later than the list, and others may be added meanwhile.
                const [count, left] = [
                  await counted(agent),
                  (await entriesUnder(second, identityPrefix)).size,
                ];
                return count === left ? ready(undefined) : notYet(`it counts ${count}, ${left} are left`);
              },
              {
                what: `${agent.name} to forget identity ${id}`,
                withinMs: preparedWithinMs,
                everyMs: 500,
                signal: ctx.signal,
              },
            );
        },
      };
    },
  },
  {
    name: "stale-backend",
    group: "state",
    does: "adds a backend without a pod to the second cluster's services",
    needsNamespace: true,
    async inject(ctx) {
      const second = clusterAt(ctx, 1);
      const { kube } = second;
      const ip = ghostAddress(second);
      const services = await kube.list(kinds.service, ctx.namespace);
      if (services.length === 0)
        throw new MeshproofError("fault-no-effect", `no service in ${ctx.namespace} of ${kube.cluster}`);
      for (const service of services) {
        const name = `${service.metadata.name}-stale`;
        await ctx.recordUndo({
          do: "remove",
          cluster: kube.cluster,
          kind: "endpointSlice",
          namespace: ctx.namespace,
          name,
        });
        await kube.apply({
          apiVersion: "discovery.k8s.io/v1",
          kind: "EndpointSlice",
          metadata: {
            name,
            namespace: ctx.namespace,
            labels: {
              "kubernetes.io/service-name": service.metadata.name,
              "endpointslice.kubernetes.io/managed-by": "meshproof",
            },
          },
          addressType: "IPv4",
          endpoints: [{ addresses: [ip], conditions: { ready: true, serving: true } }],
          ports: [{ name: "http", port: echoHttpPort, protocol: "TCP" }],
        });
      }
      return {
        subject: `backend ${ip} of ${kube.cluster}`,
        // Who asks a service sees only that requests are lost, not where they went.
        names: [ip, kube.cluster, ...services.map((s) => s.metadata.name)],
        tookHold: () => inMaps(ctx, clusterAt(ctx, 0), ip),
      };
    },
  },
  staleEndpoint("stale-endpoint", 1, 0),
  staleEndpoint("stale-endpoint-back", 0, 1),
];

/** One pod's entry in the ipcache maps of the first cluster, removed or changed by a command of each agent. */
function ipcacheEntry({
  argv,
  ...facts
}: Pick<Fault, "name" | "does" | "traceless"> & {
  readonly argv: (cidr: string, entry: IpcacheEntry, otherNode: string) => readonly string[];
}): Fault {
  return {
    ...facts,
    group: "state",
    async inject(ctx) {
      const first = clusterAt(ctx, 0);
      const second = clusterAt(ctx, 1);
      const endpoint = await someEndpoint(second, ctx.namespace);
      const others = (await second.nodes()).filter((n) => n.address !== endpoint.status.networking.node);
      const otherNode = found(
        others[0],
        `node of ${second.name} without this pod`,
        "fault-no-effect",
      ).address;
      const cidr = `${endpoint.status.networking.addressing[0].ipv4}/32`;
      for (const agent of await agentsOf(first, ctx.signal)) {
        const entry = (await agent.ipcache()).find((e) => e.cidr === cidr);
        if (entry === undefined)
          throw new MeshproofError("fault-no-effect", `${agent.name} has no ipcache entry ${cidr}`);
        await ctx.recordUndo({
          do: "agent-command",
          cluster: first.name,
          node: agent.node,
          onlyWhile: { cluster: second.name, endpointIp: cidr.replace("/32", "") },
          argv: [
            ...["cilium-dbg", "bpf", "ipcache", "update", cidr, "--identity", String(entry.identity)],
            ...["--tunnelendpoint", entry.tunnelEndpoint],
          ],
        });
        await agent.run([...argv(cidr, entry, otherNode)]);
      }
      return {
        subject: `ipcache entry ${cidr} (pod ${endpoint.metadata.name}) of ${first.name}'s agents`,
        names: [cidr.replace("/32", ""), endpoint.metadata.name],
      };
    },
  };
}

/** A CiliumEndpoint without a pod in one cluster, which the other learns like any other. */
function staleEndpoint(name: string, of: number, learns: number): Fault {
  return {
    name,
    group: "state",
    does: `adds a CiliumEndpoint without a pod to the ${of === 0 ? "first" : "second"} cluster`,
    async inject(ctx) {
      const cluster = clusterAt(ctx, of);
      const model = await someEndpoint(cluster, ctx.namespace);
      const ip = ghostAddress(cluster);
      const namespace = String(model.metadata.namespace);
      const ghost = `ghost-${ctx.mark.slice(-6)}`;
      await ctx.recordUndo({
        do: "remove",
        cluster: cluster.name,
        kind: "ciliumEndpoint",
        namespace,
        name: ghost,
      });
      await makeGhost(cluster, model, { namespace, name: ghost, ip });
      return {
        subject: `endpoint ${namespace}/${ghost} (${ip}) of ${cluster.name}`,
        names: [ip],
        tookHold: async () => {
          for (const agent of await agentsOf(clusterAt(ctx, learns), ctx.signal))
            await awaitAddress(agent, ip, { withinMs: preparedWithinMs, signal: ctx.signal });
        },
      };
    },
  };
}

/** Waits until every agent of a cluster has an address among its BPF backends. */
async function inMaps(ctx: FaultContext, cluster: Cluster, ip: string): Promise<void> {
  for (const agent of await agentsOf(cluster, ctx.signal))
    await eventually(
      async () =>
        [...(await agent.lbMaps()).values()].some((all) => all.some((b) => b.startsWith(`${ip}:`)))
          ? ready(undefined)
          : notYet("no such backend"),
      {
        what: `backend ${ip} in the maps of ${agent.name}`,
        withinMs: preparedWithinMs,
        everyMs: 500,
        signal: ctx.signal,
      },
    );
}
