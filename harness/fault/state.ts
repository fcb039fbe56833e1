import type { Cluster } from "#harness/cluster/cluster.ts";
import { addressAt, parseCidr } from "#harness/core/cidr.ts";
import { MeshproofError } from "#harness/core/errors.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { echoHttpPort } from "#harness/mesh/echo.ts";
import { agentsOf } from "#harness/observe/agent.ts";
import { awaitAddress } from "#harness/observe/new-pod.ts";
import type { Fault, Harm } from "./fault.ts";

/** An address of a cluster that no pod has: the last but one of its pod CIDR. */
function ghostAddress(cluster: Cluster): string {
  const cidr = parseCidr(cluster.podCidr);
  return addressAt(cidr, Number(cidr.last - cidr.first) - 1);
}

/** An endpoint of a cluster that a suite's traffic meets, else any. */
async function someEndpoint(harm: Harm, { kube }: Cluster): Promise<KubeObject> {
  const inSuite = harm.namespace === undefined ? [] : await kube.list(kinds.ciliumEndpoint, harm.namespace);
  const found = [...inSuite, ...(await kube.list(kinds.ciliumEndpoint))].find(
    (e) => e.status?.networking?.addressing?.[0]?.ipv4 !== undefined,
  );
  if (found === undefined)
    throw new MeshproofError("fault-no-effect", `cluster ${kube.cluster} has no endpoint with an address`);
  return found;
}

export const stateFaults: readonly Fault[] = [
  {
    name: "ipcache-entry-removed",
    group: "state",
    does: "removes one pod of the second cluster from the ipcache BPF map of the first cluster's agents",
    async inject(harm) {
      const home = harm.mesh.clusters[0]!;
      const endpoint = await someEndpoint(harm, harm.mesh.clusters[1]!);
      const cidr = `${endpoint.status.networking.addressing[0].ipv4}/32`;
      for (const agent of await agentsOf(home, harm.signal)) {
        const entry = (await agent.ipcache()).find((e) => e.cidr === cidr);
        if (entry === undefined)
          throw new MeshproofError("fault-no-effect", `${agent.name} has no ipcache entry ${cidr}`);
        await harm.will({
          do: "agent-command",
          cluster: home.name,
          node: agent.node,
          argv: [
            ...["cilium-dbg", "bpf", "ipcache", "update", cidr, "--identity", String(entry.identity)],
            ...["--tunnelendpoint", entry.tunnelEndpoint],
          ],
        });
        await agent.run(["cilium-dbg", "bpf", "ipcache", "delete", cidr]);
      }
      return {
        subject: `ipcache entry ${cidr} (pod ${endpoint.metadata.name}) of ${home.name}'s agents`,
        names: [cidr.replace("/32", ""), endpoint.metadata.name],
      };
    },
  },
  {
    name: "stale-backend",
    group: "state",
    does: "leaves a backend that no pod has behind the second cluster's services",
    needsNamespace: true,
    async inject(harm) {
      const away = harm.mesh.clusters[1]!;
      const { kube } = away;
      const ip = ghostAddress(away);
      const services = await kube.list(kinds.service, harm.namespace);
      if (services.length === 0)
        throw new MeshproofError("fault-no-effect", `no service in ${harm.namespace} of ${kube.cluster}`);
      for (const service of services) {
        const name = `${service.metadata.name}-stale`;
        await harm.will({
          do: "remove",
          cluster: kube.cluster,
          kind: "endpointSlice",
          namespace: harm.namespace!,
          name,
        });
        await kube.apply({
          apiVersion: "discovery.k8s.io/v1",
          kind: "EndpointSlice",
          metadata: {
            name,
            namespace: harm.namespace!,
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
      return { subject: `backend ${ip} of ${kube.cluster}`, names: [ip, kube.cluster] };
    },
  },
  staleEndpoint("stale-endpoint", 1, 0),
  staleEndpoint("stale-endpoint-back", 0, 1),
];

/** A CiliumEndpoint without a pod in one cluster, which the other learns as if it had one. */
function staleEndpoint(name: string, of: number, learns: number): Fault {
  return {
    name,
    group: "state",
    does: `leaves a CiliumEndpoint in the ${of === 0 ? "first" : "second"} cluster whose pod does not exist`,
    async inject(harm) {
      const home = harm.mesh.clusters[of]!;
      const model = await someEndpoint(harm, home);
      const ip = ghostAddress(home);
      const namespace = String(model.metadata.namespace);
      const ghost = `ghost-${harm.mark.slice(-6)}`;
      await harm.will({ do: "remove", cluster: home.name, kind: "ciliumEndpoint", namespace, name: ghost });
      await home.kube.apply({
        apiVersion: "cilium.io/v2",
        kind: "CiliumEndpoint",
        metadata: { name: ghost, namespace },
        status: {
          id: 65000,
          identity: model.status.identity,
          networking: { addressing: [{ ipv4: ip }], node: model.status.networking.node },
          state: "ready",
        },
      } as KubeObject);
      return {
        subject: `endpoint ${namespace}/${ghost} (${ip}) of ${home.name}`,
        names: [ip],
        tookHold: async () => {
          for (const agent of await agentsOf(harm.mesh.clusters[learns]!, harm.signal))
            await awaitAddress(agent, ip, { withinMs: 30_000, signal: harm.signal });
        },
      };
    },
  };
}
