import { agentsOf } from "#harness/cilium/agent/agent.ts";
import { type CertificateAuthority, clientCertificate, makeCa } from "#harness/cilium/install/ca.ts";
import { readers, renewPods } from "#harness/cilium/install/reconnect.ts";
import { kvstoreMeshStatus } from "#harness/cilium/kvstoremesh/kvstore-mesh.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import { kinds } from "#harness/kube/kube.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Fault, FaultContext, Injected } from "../fault.ts";
import { agentsWhere, noticed } from "./noticed.ts";
import { clusterAt, firstTwo } from "./victim.ts";

const mountedAt = "/var/lib/cilium/clustermesh";

type Changes = Readonly<Record<string, string | null>>;

/** A component of the first cluster, the secret with its peers, and a check whether it lost a peer. */
interface Reader {
  readonly who: string;
  readonly secret: string;
  readonly selector: string;
  /** What shows that it still has the peer, or undefined. */
  stillHas(cluster: Cluster, peer: string, signal: AbortSignal): Promise<string | undefined>;
}

const kvstoreMesh: Reader = {
  who: "KVStoreMesh",
  ...readers.kvstoreMesh,
  async stillHas(cluster, peer, signal) {
    const remote = (await kvstoreMeshStatus(cluster, signal)).find((c) => c.name === peer);
    return remote?.ready === true ? remote.status : undefined;
  },
};

const agents: Reader = {
  who: "the agents",
  ...readers.agents,
  async stillHas(cluster, peer, signal) {
    const all = await agentsOf(cluster, signal);
    if (all.length === 0) return "no agent runs";
    const keep = await agentsWhere(all, (c) => c.name === peer);
    return keep.length === 0 ? undefined : `${keep.join(", ")} still list it`;
  },
};

/** Changes entries of the secret with the peers of a component of the first cluster, which then reconnects. */
function peerConfig(
  reader: Reader,
  name: string,
  does: string,
  change: (ctx: FaultContext, peer: string, entry: string) => Promise<Changes>,
): Fault {
  return {
    name,
    group: "trust",
    // Agents without a peer lose its endpoints; without KVStoreMesh they keep what they know.
    wide: reader === agents,
    ...(reader === kvstoreMesh ? { needs: "KVStoreMesh" } : {}),
    does,
    async inject(ctx): Promise<Injected> {
      const [first, second] = firstTwo(ctx);
      const { kube } = first;
      const secret = await kube.get(kinds.secret, "kube-system", reader.secret);
      const data = (secret?.data ?? {}) as Record<string, string>;
      const entry = data[second.name];
      if (entry === undefined)
        throw new MeshproofError(
          "fault-no-effect",
          `secret ${reader.secret} of ${first.name} has no entry ${second.name}`,
        );
      const changes = await change(ctx, second.name, Buffer.from(entry, "base64").toString());
      const encoded = Object.entries(changes).map(([key, text]) => [
        key,
        text === null ? null : Buffer.from(text).toString("base64"),
      ]);
      const back = Object.fromEntries(Object.keys(changes).map((key) => [key, data[key] ?? null]));
      await ctx.recordUndo(
        { do: "await-mesh" },
        { do: "replace-pods", cluster: first.name, selector: reader.selector },
        {
          do: "merge",
          cluster: first.name,
          kind: "secret",
          namespace: "kube-system",
          name: reader.secret,
          patch: { data: back },
        },
      );
      await kube.merge(kinds.secret, "kube-system", reader.secret, { data: Object.fromEntries(encoded) });
      await renewPods(first, reader.selector, wallLabel());
      return {
        subject: `${reader.who} of ${first.name}, the entry for ${second.name}`,
        names: [second.name],
        tookHold: () =>
          noticed(
            `${reader.who} of ${first.name} to lose ${second.name}`,
            ctx.signal,
            () => reader.stillHas(first, second.name, ctx.signal),
            () => renewPods(first, reader.selector, wallLabel()),
          ),
      };
    },
  };
}

const withLines = (entry: string, changes: Readonly<Record<string, string>>): string =>
  Object.entries(changes).reduce(
    (text, [key, value]) => text.replace(new RegExp(`^${key}:.*$`, "m"), `${key}: ${value}`),
    entry,
  );

/** A one-sided configuration, as in a manual set-up before the second side is done. */
const halfMeshed: Fault = {
  name: "half-meshed",
  group: "trust",
  needs: "KVStoreMesh",
  wide: true,
  does: "removes the second cluster from the first one's configuration; the second one keeps the first",
  async inject(ctx) {
    const [first, second] = firstTwo(ctx);
    await ctx.recordUndo(
      { do: "await-mesh" },
      // A KVStoreMesh that lost a peer drains its cache for minutes before it accepts the peer again.
      { do: "replace-pods", cluster: first.name, selector: apiserverSelector },
    );
    for (const { secret: name, selector } of [kvstoreMesh, agents]) {
      const secret = await first.kube.get(kinds.secret, "kube-system", name);
      const entry = (secret?.data as Record<string, string> | undefined)?.[second.name];
      if (entry === undefined)
        throw new MeshproofError(
          "fault-no-effect",
          `secret ${name} of ${first.name} has no entry ${second.name}`,
        );
      const set = (value: string | null) => ({ data: { [second.name]: value } });
      await ctx.recordUndo({
        do: "merge",
        cluster: first.name,
        kind: "secret",
        namespace: "kube-system",
        name,
        patch: set(entry),
      });
      await first.kube.merge(kinds.secret, "kube-system", name, set(null));
      await renewPods(first, selector, wallLabel());
    }
    return {
      subject: `the configuration of ${first.name}, which lacks ${second.name}`,
      names: [second.name],
      tookHold: () =>
        noticed(
          `the agents of ${first.name} to lose ${second.name}`,
          ctx.signal,
          () => agents.stillHas(first, second.name, ctx.signal),
          () => renewPods(first, agents.selector, wallLabel()),
        ),
    };
  },
};

/** The CA that signs a cluster's own certificates and its clients'. */
async function ownCa(cluster: Cluster): Promise<CertificateAuthority> {
  const secret = await cluster.kube.get(kinds.secret, "kube-system", "cilium-ca");
  const pem = (name: string): string => Buffer.from(String(secret?.data?.[name]), "base64").toString();
  return { cert: pem("ca.crt"), key: pem("ca.key") };
}

export const trustFaults: readonly Fault[] = [
  peerConfig(
    kvstoreMesh,
    "wrong-ca",
    "gives the first cluster's KVStoreMesh a wrong CA to verify its peer",
    async (_harm, peer, entry) => ({
      "wrong-ca.crt": (await makeCa("Meshproof wrong CA")).cert,
      [peer]: withLines(entry, { "trusted-ca-file": `${mountedAt}/wrong-ca.crt` }),
    }),
  ),
  peerConfig(
    kvstoreMesh,
    "expired-certificate",
    "gives the first cluster's KVStoreMesh a client certificate that expired yesterday",
    async (ctx, peer, entry) => {
      const expired = await clientCertificate(await ownCa(clusterAt(ctx, 1)), "remote", {
        fromMs: Date.now() - 10 * 86_400_000,
        untilMs: Date.now() - 86_400_000,
      });
      return {
        "expired.crt": expired.cert,
        "expired.key": expired.key,
        [peer]: withLines(entry, {
          "cert-file": `${mountedAt}/expired.crt`,
          "key-file": `${mountedAt}/expired.key`,
        }),
      };
    },
  ),
  peerConfig(
    kvstoreMesh,
    "wrong-port",
    "points the first cluster's KVStoreMesh at a port of its peer where nothing listens",
    async (_harm, peer, entry) => ({ [peer]: entry.replace(/:(2379|32379)\b/, ":2378") }),
  ),
  clusterId(
    "wrong-cluster-id",
    77,
    "gives the second cluster's clustermesh-apiserver an id that its agents do not have",
  ),
  clusterId(
    "same-cluster-id",
    undefined,
    "gives the second cluster's clustermesh-apiserver the id of the first",
  ),
  peerConfig(
    agents,
    "unknown-peer",
    "renames the first cluster's entry for its peer to a cluster that does not exist",
    async (_harm, peer, entry) => ({ [peer]: null, [`${peer}-x`]: entry }),
  ),
  halfMeshed,
];

/** Changes the id that clustermesh-apiserver exports; it reads it from the ConfigMap when it starts. */
function clusterId(name: string, id: number | undefined, does: string): Fault {
  return {
    name,
    group: "trust",
    needs: "KVStoreMesh",
    wide: true,
    does,
    async inject(ctx) {
      const [first, second] = firstTwo(ctx);
      const wrong = id ?? first.id;
      const set = (value: number) => ({ data: { "cluster-id": String(value) } });
      await ctx.recordUndo(
        { do: "await-mesh" },
        { do: "replace-pods", cluster: second.name, selector: apiserverSelector },
        {
          do: "merge",
          cluster: second.name,
          kind: "configMap",
          namespace: "kube-system",
          name: "cilium-config",
          patch: set(second.id),
        },
      );
      await second.kube.merge(kinds.configMap, "kube-system", "cilium-config", set(wrong));
      await ctx.runUndo({ do: "replace-pods", cluster: second.name, selector: apiserverSelector });
      return {
        subject: `cluster id ${wrong} of ${second.name} instead of ${second.id}`,
        names: [second.name],
        tookHold: () => idReported(ctx, first, second.name, wrong),
      };
    },
  };
}

function idReported(ctx: FaultContext, first: Cluster, peer: string, id: number): Promise<void> {
  return noticed(`${first.name} to learn that ${peer} has id ${id}`, ctx.signal, async () => {
    const remote = (await kvstoreMeshStatus(first, ctx.signal)).find((c) => c.name === peer);
    return remote?.ready !== true || remote.config.clusterId === id
      ? undefined
      : `id ${remote.config.clusterId}`;
  });
}
