import { agentsOf } from "#harness/cilium/agent/agent.ts";
import { nodeTruth } from "#harness/cilium/truth.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { agentSelector } from "#harness/cluster/selectors.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { addressAt, parseCidr } from "#harness/lib/cidr.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import type { NodeTruth } from "#harness/model/truth.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import type { Fault, FaultContext } from "../fault.ts";
import { clusterAt, firstTwo } from "./victim.ts";

type Annotations = Readonly<Record<string, string>>;
type Changes = Readonly<Record<string, string | null>>;

/** Changes annotations of the suite's services; `change` answers nothing for a service that is left alone. */
function annotationsChanged(
  name: string,
  does: string,
  options: {
    readonly clusters: (all: readonly Cluster[]) => readonly Cluster[];
    readonly change: (standing: Annotations) => Changes | undefined;
    readonly traceless?: string;
  },
): Fault {
  return {
    ...(options.traceless === undefined ? {} : { traceless: options.traceless }),
    name,
    group: "configuration",
    does,
    needsNamespace: true,
    async inject(ctx) {
      const subjects: string[] = [];
      const names = new Set<string>();
      const changed: (() => Promise<void>)[] = [];
      for (const cluster of options.clusters(ctx.mesh.clusters)) {
        for (const service of await cluster.kube.list(kinds.service, ctx.namespace)) {
          const standing = service.metadata.annotations ?? {};
          const changes = options.change(standing);
          if (changes === undefined) continue;
          changed.push(await backendsWillChange(ctx, cluster, service));
          const back = Object.fromEntries(Object.keys(changes).map((key) => [key, standing[key] ?? null]));
          const where = {
            namespace: ctx.namespace,
            name: service.metadata.name,
          };
          await ctx.recordUndo({
            do: "merge",
            cluster: cluster.name,
            kind: "service",
            ...where,
            patch: { metadata: { annotations: back } },
          });
          await cluster.kube.merge(kinds.service, where.namespace, where.name, {
            metadata: { annotations: changes },
          });
          subjects.push(`service ${where.namespace}/${where.name} in ${cluster.name}`);
          names.add(where.name).add(cluster.name);
        }
      }
      if (subjects.length === 0)
        throw new MeshproofError(
          "fault-no-effect",
          `no service in ${ctx.namespace} has what ${name} changes`,
        );
      return {
        subject: subjects.join(", "),
        names: [...names],
        // One service whose backends stay the same proves nothing; all of them staying so means no effect.
        tookHold: async () => {
          const results = await Promise.allSettled(changed.map((seen) => seen()));
          const failure = results.find((r) => r.status === "rejected");
          if (failure !== undefined && results.every((r) => r.status === "rejected")) throw failure.reason;
        },
      };
    },
  };
}

/** Remembers a service's backends in the BPF maps of every agent of every cluster; the answer waits until they differ. */
async function backendsWillChange(
  ctx: FaultContext,
  changed: Cluster,
  service: KubeObject,
): Promise<() => Promise<void>> {
  const watched: { readonly name: string; readonly read: () => Promise<string> }[] = [];
  for (const cluster of ctx.mesh.clusters) {
    const own = await cluster.kube.get(kinds.service, ctx.namespace, service.metadata.name);
    if (own === undefined) continue;
    const frontend = `${own.spec.clusterIP}:${own.spec.ports[0].port}/TCP`;
    for (const agent of await agentsOf(cluster, ctx.signal))
      watched.push({
        name: agent.name,
        read: async () => ((await agent.lbMaps()).get(frontend) ?? []).toSorted().join(" "),
      });
  }
  const before = await Promise.all(watched.map((w) => w.read()));
  return async () => {
    await eventually(
      async () => {
        const now = await Promise.all(watched.map((w) => w.read()));
        return now.some((text, i) => text !== before[i]) ? ready(undefined) : notYet("the same backends");
      },
      {
        what: `the change of ${service.metadata.name} in ${changed.name} to reach a BPF map`,
        withinMs: 20_000,
        everyMs: 500,
        signal: ctx.signal,
      },
    ).catch((error: unknown) => {
      throw new MeshproofError("fault-no-effect", messageOf(error), { cause: error });
    });
  };
}

const removing =
  (keys: readonly string[]) =>
  (standing: Annotations): Changes | undefined => {
    const present = keys.filter((k) => standing[k] !== undefined);
    return present.length === 0 ? undefined : Object.fromEntries(present.map((k) => [k, null]));
  };

const swapped: Readonly<Record<string, string>> = { local: "remote", remote: "local" };

interface Setting {
  readonly name: string;
  /** Of the target cluster. */
  readonly index: number;
  readonly key: string;
  readonly value: string;
  /** Whether the agents start anew, and read it. */
  readonly restart: boolean;
  readonly does: string;
}

/** A key of Cilium's own ConfigMap, read by agents when they start. */
function setting({ name, index, key, value, restart, does }: Setting): Fault {
  return {
    ...(restart ? {} : { traceless: "agents read it when they start: the ConfigMap alone has changed" }),
    name,
    group: "configuration",
    does,
    async inject(ctx) {
      const cluster = clusterAt(ctx, index);
      const before = await cluster.setting(key);
      if (before === value)
        throw new MeshproofError("fault-no-effect", `${key} of ${cluster.name} is ${value} already`);
      const restartAgents = {
        do: "replace-pods",
        cluster: cluster.name,
        selector: agentSelector,
      } as const;
      await ctx.recordUndo(...(restart ? [{ do: "await-mesh" } as const, restartAgents] : []), {
        do: "merge",
        cluster: cluster.name,
        kind: "configMap",
        namespace: "kube-system",
        name: "cilium-config",
        patch: { data: { [key]: before ?? null } },
      });
      await cluster.kube.merge(kinds.configMap, "kube-system", "cilium-config", { data: { [key]: value } });
      if (restart) await ctx.runUndo(restartAgents);
      return { subject: `${key} of ${cluster.name}`, names: [cluster.name] };
    },
  };
}

const lastNode = async (cluster: Cluster): Promise<NodeTruth> =>
  found((await nodeTruth(cluster)).at(-1), `node in cluster ${cluster.name}`);

const lastCiliumNode = async (cluster: Cluster): Promise<KubeObject> =>
  found((await cluster.kube.list(kinds.ciliumNode)).at(-1), `CiliumNode in cluster ${cluster.name}`);

const anyAffinity = "any affinity is a valid one";

export const configurationFaults: readonly Fault[] = [
  annotationsChanged("global-removed", "removes the `global` annotation from the suite's services", {
    clusters: (all) => all,
    change: removing([annotation.global, annotation.oldGlobal]),
  }),
  annotationsChanged("shared-false", 'sets `shared: "false"` on the second cluster\'s services', {
    clusters: (all) => all.slice(1, 2),
    change: () => ({ [annotation.shared]: "false" }),
  }),
  annotationsChanged("affinity-removed", "removes the `affinity` annotation from the suite's services", {
    traceless: anyAffinity,
    clusters: (all) => all,
    change: removing([annotation.affinity, annotation.oldAffinity]),
  }),
  annotationsChanged("affinity-swapped", "makes affinity local remote, and remote local", {
    traceless: anyAffinity,
    clusters: (all) => all,
    change: (standing) => {
      const other = swapped[standing[annotation.affinity] ?? ""];
      return other === undefined ? undefined : { [annotation.affinity]: other };
    },
  }),
  annotationsChanged(
    "affinity-local",
    "gives the first cluster's services without an affinity the affinity local",
    {
      traceless: anyAffinity,
      clusters: (all) => all.slice(0, 1),
      change: (standing) =>
        standing[annotation.affinity] === undefined ? { [annotation.affinity]: "local" } : undefined,
    },
  ),
  setting({
    name: "policy-default-changed",
    index: 1,
    key: "policy-default-local-cluster",
    value: "true",
    restart: false,
    does: "sets policyDefaultLocalCluster of the second cluster to true in its ConfigMap",
  }),
  setting({
    name: "kube-proxy-replacement-off",
    index: 0,
    key: "kube-proxy-replacement",
    value: "false",
    restart: true,
    does: "switches the first cluster's kube-proxy replacement off: NodePort and LoadBalancer have nobody to serve them",
  }),
  {
    name: "pod-cidr-overlap",
    group: "configuration",
    does: "tells the first cluster that a node of the second has the pod CIDR of one of its own",
    async inject(ctx) {
      const [home, away] = firstTwo(ctx);
      const own = await lastNode(home);
      const node = await lastCiliumNode(away);
      const before = node.spec.ipam.podCIDRs as string[];
      // The upper half alone: healing withdraws the route of what was told, and the whole is a node's own.
      const cidr = parseCidr(own.podCidr);
      const upper = `${addressAt(cidr, 2 ** (31 - cidr.bits))}/${cidr.bits + 1}`;
      const patch = (podCIDRs: readonly string[]) => ({ spec: { ipam: { podCIDRs } } });
      await ctx.recordUndo({
        do: "merge",
        cluster: away.name,
        kind: "ciliumNode",
        name: node.metadata.name,
        patch: patch(before),
      });
      await away.kube.merge(kinds.ciliumNode, undefined, node.metadata.name, patch([upper]));
      return {
        subject: `pod CIDR ${upper} of ${away.name}/${node.metadata.name}`,
        names: [node.metadata.name],
        tookHold: async () => {
          for (const agent of await agentsOf(home, ctx.signal))
            await eventually(
              async () =>
                (await agent.nodeList()).some((n) => n.podCidrs.includes(upper))
                  ? ready(undefined)
                  : notYet("not told yet"),
              {
                what: `${agent.name} to be told of ${upper}`,
                withinMs: 30_000,
                everyMs: 500,
                signal: ctx.signal,
              },
            );
        },
      };
    },
  },
  {
    name: "node-address-twice",
    group: "configuration",
    wide: true,
    does: "gives a node of the second cluster the address of one of the first",
    async inject(ctx) {
      const [home, away] = firstTwo(ctx);
      const own = await lastNode(home);
      const node = await lastCiliumNode(away);
      const before = node.spec.addresses as readonly { readonly type: string; readonly ip: string }[];
      const patch = (addresses: typeof before) => ({ spec: { addresses } });
      await ctx.recordUndo(
        { do: "await-mesh" },
        {
          do: "merge",
          cluster: away.name,
          kind: "ciliumNode",
          name: node.metadata.name,
          patch: patch(before),
        },
      );
      await away.kube.merge(
        kinds.ciliumNode,
        undefined,
        node.metadata.name,
        patch(before.map((a) => (a.type === "InternalIP" ? { ...a, ip: own.address } : a))),
      );
      return {
        subject: `address ${own.address} of ${away.name}/${node.metadata.name}`,
        names: [node.metadata.name],
        tookHold: async () => {
          for (const agent of await agentsOf(home, ctx.signal))
            await eventually(
              async () =>
                (await agent.nodeList()).some(
                  (n) =>
                    n.name === `${away.name}/${node.metadata.name}` &&
                    n.addresses.some((a) => a.ip === own.address),
                )
                  ? ready(undefined)
                  : notYet("not told yet"),
              {
                what: `${agent.name} to be told of ${own.address}`,
                withinMs: 30_000,
                everyMs: 500,
                signal: ctx.signal,
              },
            );
        },
      };
    },
  },
];
