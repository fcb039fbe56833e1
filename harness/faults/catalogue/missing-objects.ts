import { readers } from "#harness/cilium/install/reconnect.ts";
import { kvstoreMeshStatus } from "#harness/cilium/kvstoremesh/kvstore-mesh.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import { podReady } from "#harness/kube/conditions.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { notYet, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import type { Fault } from "../fault.ts";
import { noticed } from "./noticed.ts";
import { clusterAt, firstTwo } from "./victim.ts";

interface MissingObject {
  readonly name: string;
  readonly kind: "secret" | "configMap";
  readonly object: string;
}

/** Without an object that it mounts, a pod of clustermesh-apiserver cannot start; running ones would not notice. */
function notThere({ name, kind, object }: MissingObject): Fault {
  const word = kind === "secret" ? "Secret" : "ConfigMap";
  return {
    name,
    group: "configuration",
    needs: "clustermesh-apiserver",
    does: `deletes ${word} ${object} and the pods of clustermesh-apiserver in the first cluster, which then cannot start`,
    async inject(ctx) {
      const { kube, name: cluster } = clusterAt(ctx, 0);
      const found = await kube.get(kinds[kind], "kube-system", object);
      if (found === undefined)
        throw new MeshproofError("fault-no-effect", `${cluster} has no ${word} kube-system/${object}`);
      await ctx.recordUndo(
        { do: "await-mesh" },
        // kubelet would try to mount it again only after minutes.
        { do: "replace-pods", cluster, selector: apiserverSelector },
        { do: "apply", cluster, object: withoutServerFields(found, word) },
      );
      await kube.remove(kinds[kind], "kube-system", object);
      for (const { metadata } of await kube.list(kinds.pod, "kube-system", apiserverSelector))
        await kube.remove(kinds.pod, "kube-system", metadata.name, 0);
      return {
        subject: `${word} ${object} of ${cluster}`,
        names: [object, cluster],
        tookHold: () =>
          kube.until(
            kinds.pod,
            { namespace: "kube-system", labelSelector: apiserverSelector },
            (pods) =>
              pods.length > 0 && !pods.some(podReady) ? ready(undefined) : notYet("none is new and waits"),
            {
              what: `clustermesh-apiserver of ${cluster} to wait`,
              withinMs: preparedWithinMs,
              signal: ctx.signal,
            },
          ),
      };
    },
  };
}

function withoutServerFields(object: KubeObject, kind: string): Record<string, unknown> {
  const { name, namespace, labels, annotations } = object.metadata;
  const { type, data } = object;
  return {
    apiVersion: "v1",
    kind,
    metadata: { name, namespace, labels, annotations },
    ...(type === undefined ? {} : { type }),
    data,
  };
}

/** As where the secrets are made by hand and this one was forgotten, so both sides are configured alike. */
const noPeers: Fault = {
  name: "kvstoremesh-without-peers",
  group: "trust",
  needs: "KVStoreMesh",
  does: "removes the other cluster from the configuration of KVStoreMesh in the first and in the second cluster; the agents keep theirs",
  async inject(ctx) {
    const pair = firstTwo(ctx);
    const { secret: name, selector } = readers.kvstoreMesh;
    await ctx.recordUndo({ do: "await-mesh" });
    for (const [i, cluster] of pair.entries()) {
      const peer = clusterAt(ctx, 1 - i).name;
      const secret = await cluster.kube.get(kinds.secret, "kube-system", name);
      const entry = (secret?.data as Readonly<Record<string, string>> | undefined)?.[peer];
      if (entry === undefined)
        throw new MeshproofError("fault-no-effect", `secret ${name} of ${cluster.name} has no entry ${peer}`);
      const at = { cluster: cluster.name, kind: "secret", namespace: "kube-system", name } as const;
      await ctx.recordUndo(
        // A KVStoreMesh that lost a peer drains its cache for minutes before it accepts the peer again.
        { do: "replace-pods", cluster: cluster.name, selector },
        { do: "merge", ...at, patch: { data: { [peer]: entry } } },
      );
      await cluster.kube.merge(kinds.secret, "kube-system", name, { data: { [peer]: null } });
      // Its etcd starts empty, so nothing of the peer is left in the cache.
      await ctx.runUndo({ do: "replace-pods", cluster: cluster.name, selector });
    }
    return {
      subject: `the configuration of KVStoreMesh of ${pair.map((c) => c.name).join(" and ")}`,
      names: pair.map((c) => c.name),
      tookHold: () =>
        noticed("KVStoreMesh of both clusters to lose its peer", ctx.signal, async () => {
          for (const [i, cluster] of pair.entries()) {
            const peer = clusterAt(ctx, 1 - i).name;
            const known = (await kvstoreMeshStatus(cluster, ctx.signal)).some((c) => c.name === peer);
            if (known) return `KVStoreMesh of ${cluster.name} still lists ${peer}`;
          }
          return undefined;
        }),
    };
  },
};

export const missingObjectFaults: readonly Fault[] = [
  notThere({
    name: "apiserver-secret-missing",
    kind: "secret",
    object: "clustermesh-apiserver-admin-cert",
  }),
  notThere({ name: "remote-users-missing", kind: "configMap", object: "clustermesh-remote-users" }),
  noPeers,
];
