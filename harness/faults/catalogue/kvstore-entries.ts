import { agentsOf } from "#harness/cilium/agent/agent.ts";
import { entriesUnder, putEntry, removeEntry } from "#harness/cilium/kvstore/kvstore.ts";
import { kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { identityBits } from "#harness/semantics/identity-labels.ts";
import type { Fault } from "../fault.ts";
import { ghostAddress } from "./ghost.ts";
import { noticed } from "./noticed.ts";
import { clusterAt, firstTwo } from "./victim.ts";

/** An entry to plant: its key below the prefix, its value, and the name that a message must contain. */
interface Planted {
  readonly key: string;
  readonly value: string;
  readonly name: string;
}

/** What is copied, and how the copy becomes an entry that nothing in the cluster has. */
interface Plant {
  readonly what: string;
  readonly prefix: string;
  readonly from: (
    entry: readonly [string, string],
    cluster: { readonly address: string; readonly unusedIdentity: string; readonly mark: string },
  ) => Planted;
}

/**
 * Agents of the other clusters accept each of them: it is of the cluster's own name and id. clustermesh-apiserver writes
 * and deletes its own keys only, so it stays until it is removed.
 */
const plants: readonly Plant[] = [
  {
    what: "address",
    prefix: "cilium/state/ip/v1/default/",
    from: ([ip, value], { address }) => ({
      key: address,
      value: value.replaceAll(`"${ip}"`, `"${address}"`),
      name: address,
    }),
  },
  {
    what: "identity",
    prefix: "cilium/state/identities/v1/id/",
    from: ([, value], { unusedIdentity, mark }) => ({
      key: unusedIdentity,
      value: `${value}k8s:planted=${mark};`,
      name: unusedIdentity,
    }),
  },
  {
    what: "service",
    prefix: "cilium/state/services/v1/",
    from: ([key, value], { mark }) => {
      const [cluster, namespace] = key.split("/");
      const name = `planted-${mark}`;
      const service = { ...(JSON.parse(value) as Record<string, unknown>), name };
      return {
        key: `${cluster}/${namespace}/${name}`,
        value: JSON.stringify(service),
        name: `${namespace}/${name}`,
      };
    },
  },
];

/** Entries of the second cluster's own kvstore that no object of its API server has. */
const staleEntries: readonly Fault[] = plants.map(({ what, prefix, from }) => ({
  name: `stale-kvstore-${what}`,
  group: "state",
  needs: "clustermesh-apiserver",
  does: `plants ${what === "service" ? "a" : "an"} ${what} in the second cluster's kvstore that the cluster does not have`,
  async inject(ctx) {
    const cluster = clusterAt(ctx, 1);
    const entries = await entriesUnder(cluster, prefix);
    const [first] = entries;
    if (first === undefined)
      throw new MeshproofError("fault-no-effect", `the kvstore of ${cluster.name} has no ${what} to copy`);
    const bits = identityBits(Number((await cluster.setting("max-connected-clusters")) ?? 255));
    const unusedIdentity = String(((cluster.id + 1) << bits) - 2);
    if (entries.has(unusedIdentity))
      throw new MeshproofError("fault-no-effect", `identity ${unusedIdentity} of ${cluster.name} is in use`);
    const planted = from(first, {
      address: ghostAddress(cluster, 21),
      unusedIdentity,
      mark: ctx.mark.slice(-6),
    });
    const key = `${prefix}${planted.key}`;
    await ctx.recordUndo({ do: "kvstore-remove", cluster: cluster.name, key });
    await putEntry(cluster, key, planted.value);
    return {
      subject: `${what} ${planted.name} in the kvstore of ${cluster.name}`,
      names: [planted.name],
      beforeHeal: async () => {
        if (!(await entriesUnder(cluster, prefix)).has(planted.key))
          throw new MeshproofError("fault-no-effect", `the kvstore of ${cluster.name} lost ${key} by itself`);
      },
    };
  },
}));

const addresses = "cilium/state/ip/v1/default/";

/**
 * What Cilium up to 1.19.4 does by itself where an old CiliumEndpoint of a reused address is deleted last (#45780). The pod is
 * one of CoreDNS, which outlives a suite's namespace: healing must not put back the address of a pod that is gone.
 */
const addressMissing: Fault = {
  name: "kvstore-address-missing",
  group: "state",
  needs: "clustermesh-apiserver",
  does: "removes the address of a CoreDNS pod from the second cluster's kvstore, so the others forget it",
  async inject(ctx) {
    const [first, second] = firstTwo(ctx);
    const endpoint = (await second.kube.list(kinds.ciliumEndpoint, "kube-system")).find((e) =>
      e.metadata.name.startsWith("coredns-"),
    );
    const ip = String(endpoint?.status?.networking?.addressing?.[0]?.ipv4);
    const value = (await entriesUnder(second, addresses)).get(ip);
    if (endpoint === undefined || value === undefined)
      throw new MeshproofError(
        "fault-no-effect",
        `the kvstore of ${second.name} has no address of a CoreDNS pod`,
      );
    const key = `${addresses}${ip}`;
    await ctx.recordUndo({ do: "kvstore-put", cluster: second.name, key, value });
    await removeEntry(second, key);
    return {
      subject: `address ${ip} (pod ${endpoint.metadata.name}) in the kvstore of ${second.name}`,
      names: [ip, endpoint.metadata.name],
      tookHold: () =>
        noticed(`every agent of ${first.name} to forget ${ip}`, ctx.signal, async () => {
          for (const agent of await agentsOf(first, ctx.signal))
            if ((await agent.ipcache()).some((e) => e.cidr === `${ip}/32`)) return `${agent.name} has it`;
          return undefined;
        }),
      beforeHeal: async () => {
        if ((await entriesUnder(second, addresses)).has(ip))
          throw new MeshproofError(
            "fault-no-effect",
            `the kvstore of ${second.name} has ${ip} again by itself`,
          );
      },
    };
  },
};

export const kvstoreEntryFaults: readonly Fault[] = [...staleEntries, addressMissing];
