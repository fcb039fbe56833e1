import { agentsOf } from "#harness/cilium/agent/agent.ts";
import { nodeTruth } from "#harness/cilium/truth.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { agentSelector } from "#harness/cluster/selectors.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { addressAt, parseCidr } from "#harness/lib/cidr.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { eventually, notYet, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { given } from "#harness/lib/given.ts";
import type { NodeTruth } from "#harness/model/truth.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import type { Fault, FaultContext } from "../fault.ts";
import { clusterAt, firstTwo } from "./victim.ts";

type Annotations = Readonly<Record<string, string>>;
type Changes = Readonly<Record<string, string | null>>;

/** Changes annotations of the suite's services; `change` returns undefined to leave a service unchanged. */
function annotationsChanged(
  name: string,
  does: string,
  options: {
    readonly clusters: (all: readonly Cluster[]) => readonly Cluster[];
    readonly change: (existing: Annotations) => Changes | undefined;
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
          const existing = service.metadata.annotations ?? {};
          const changes = options.change(existing);
          if (changes === undefined) continue;
          changed.push(await backendsWillChange(ctx, cluster, service));
          const back = Object.fromEntries(Object.keys(changes).map((key) => [key, existing[key] ?? null]));
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
          `no service in ${ctx.namespace} has an annotation that ${name} changes`,
        );
      return {
        subject: subjects.join(", "),
        names: [...names],
        // Some services may keep their backends; only if all do, the fault has no effect.
        tookHold: async () => {
          const results = await Promise.allSettled(changed.map((seen) => seen()));
          const failure = results.find((r) => r.status === "rejected");
          if (failure !== undefined && results.every((r) => r.status === "rejected")) throw failure.reason;
        },
      };
    },
  };
}

/**
 * Records a service's backends in the BPF maps of every agent of every cluster; the returned function waits until
 * they differ.
 */
export async function backendsWillChange(
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
        return now.some((text, i) => text !== before[i]) ? ready(undefined) : notYet("unchanged backends");
      },
      {
        what: `the change of ${service.metadata.name} in ${changed.name} to reach a BPF map`,
        withinMs: preparedWithinMs,
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
  (existing: Annotations): Changes | undefined => {
    const present = keys.filter((k) => existing[k] !== undefined);
    return present.length === 0 ? undefined : Object.fromEntries(present.map((k) => [k, null]));
  };

const swapped: Readonly<Record<string, string>> = { local: "remote", remote: "local" };

interface Setting {
  readonly name: string;
  /** Index of the target cluster. */
  readonly index: number;
  readonly key: string;
  readonly value: string;
  /** Whether to restart the agents, so that they read it. */
  readonly restart: boolean;
  readonly does: string;
  readonly traceless?: string;
}

/** A key of Cilium's ConfigMap, which agents read when they start. */
function setting({ name, index, key, value, restart, does, traceless }: Setting): Fault {
  return {
    ...(restart
      ? given({ traceless })
      : { traceless: "agents read it only when they start, so only the ConfigMap has changed" }),
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

const anyTtl = "every time is valid";
const anyAffinity = "every affinity is valid";

export const configurationFaults: readonly Fault[] = [
  annotationsChanged("global-removed", "removes the `global` annotation from the suite's services", {
    clusters: (all) => all,
    change: removing([annotation.global, annotation.oldGlobal]),
  }),
  annotationsChanged("shared-false", 'sets `shared: "false"` on the second cluster\'s services', {
    clusters: (all) => all.slice(1, 2),
    change: () => ({ [annotation.shared]: "false" }),
  }),
  annotationsChanged(
    "marks-capitalised",
    'writes the marks of the second cluster\'s global services as Python prints booleans: `global: "True"`, `shared: "False"`',
    {
      clusters: (all) => all.slice(1, 2),
      change: (existing) =>
        [annotation.global, annotation.oldGlobal].some((key) => existing[key] === "true")
          ? { [annotation.global]: "True", [annotation.shared]: "False" }
          : undefined,
    },
  ),
  annotationsChanged("affinity-removed", "removes the `affinity` annotation from the suite's services", {
    traceless: anyAffinity,
    clusters: (all) => all,
    change: removing([annotation.affinity, annotation.oldAffinity]),
  }),
  annotationsChanged("affinity-swapped", "swaps the affinities local and remote of the suite's services", {
    traceless: anyAffinity,
    clusters: (all) => all,
    change: (existing) => {
      const other = swapped[existing[annotation.affinity] ?? ""];
      return other === undefined ? undefined : { [annotation.affinity]: other };
    },
  }),
  annotationsChanged(
    "affinity-local",
    "sets the affinity local on the first cluster's services without an affinity",
    {
      traceless: anyAffinity,
      clusters: (all) => all.slice(0, 1),
      change: (existing) =>
        existing[annotation.affinity] === undefined ? { [annotation.affinity]: "local" } : undefined,
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
    name: "cache-ttl-short",
    index: 0,
    key: "clustermesh-cache-ttl",
    value: "1s",
    restart: true,
    does: "sets clustermesh.cacheTTL of the first cluster's agents to one second",
    traceless: anyTtl,
  }),
  setting({
    name: "cache-ttl-long",
    index: 1,
    key: "clustermesh-cache-ttl",
    value: "24h0m0s",
    restart: true,
    does: "sets clustermesh.cacheTTL of the second cluster's agents to a day",
    traceless: anyTtl,
  }),
  setting({
    name: "kube-proxy-replacement-off",
    index: 0,
    key: "kube-proxy-replacement",
    value: "false",
    restart: true,
    does: "turns off the first cluster's kube-proxy replacement, so nothing serves NodePort and LoadBalancer",
  }),
  {
    name: "pod-cidr-overlap",
    group: "configuration",
    does: "gives a node of the second cluster half of the pod CIDR of a node of the first, in its CiliumNode",
    async inject(ctx) {
      const [first, second] = firstTwo(ctx);
      const own = await lastNode(first);
      const node = await lastCiliumNode(second);
      const before = node.spec.ipam.podCIDRs as string[];
      // Only the upper half: when the fault is healed, agents remove the route of the announced CIDR, and the whole
      // CIDR is that of one of their nodes.
      const cidr = parseCidr(own.podCidr);
      const upper = `${addressAt(cidr, 2 ** (31 - cidr.bits))}/${cidr.bits + 1}`;
      const patch = (podCIDRs: readonly string[]) => ({ spec: { ipam: { podCIDRs } } });
      await ctx.recordUndo({
        do: "merge",
        cluster: second.name,
        kind: "ciliumNode",
        name: node.metadata.name,
        patch: patch(before),
      });
      await second.kube.merge(kinds.ciliumNode, undefined, node.metadata.name, patch([upper]));
      return {
        subject: `pod CIDR ${upper} of ${second.name}/${node.metadata.name}`,
        names: [node.metadata.name],
        tookHold: async () => {
          for (const agent of await agentsOf(first, ctx.signal))
            await eventually(
              async () =>
                (await agent.nodeList()).some((n) => n.podCidrs.includes(upper))
                  ? ready(undefined)
                  : notYet("not learned yet"),
              {
                what: `${agent.name} to learn ${upper}`,
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
    name: "node-address-twice",
    group: "configuration",
    wide: true,
    does: "gives a node of the second cluster the address of a node of the first, in its CiliumNode",
    async inject(ctx) {
      const [first, second] = firstTwo(ctx);
      const own = await lastNode(first);
      const node = await lastCiliumNode(second);
      const before = node.spec.addresses as readonly { readonly type: string; readonly ip: string }[];
      const patch = (addresses: typeof before) => ({ spec: { addresses } });
      await ctx.recordUndo(
        { do: "await-mesh" },
        {
          do: "merge",
          cluster: second.name,
          kind: "ciliumNode",
          name: node.metadata.name,
          patch: patch(before),
        },
      );
      await second.kube.merge(
        kinds.ciliumNode,
        undefined,
        node.metadata.name,
        patch(before.map((a) => (a.type === "InternalIP" ? { ...a, ip: own.address } : a))),
      );
      return {
        subject: `address ${own.address} of ${second.name}/${node.metadata.name}`,
        names: [node.metadata.name],
        tookHold: async () => {
          for (const agent of await agentsOf(first, ctx.signal))
            await eventually(
              async () =>
                (await agent.nodeList()).some(
                  (n) =>
                    n.name === `${second.name}/${node.metadata.name}` &&
                    n.addresses.some((a) => a.ip === own.address),
                )
                  ? ready(undefined)
                  : notYet("not learned yet"),
              {
                what: `${agent.name} to learn ${own.address}`,
                withinMs: preparedWithinMs,
                everyMs: 500,
                signal: ctx.signal,
              },
            );
        },
      };
    },
  },
];
