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
import { having, noticed } from "./noticed.ts";
import { clusterAt, firstTwo } from "./victim.ts";

const mountedAt = "/var/lib/cilium/clustermesh";

type Changes = Readonly<Record<string, string | null>>;

/** Who of the first cluster reads its peers from which secret, and how one sees that it lost a peer. */
interface Reader {
  readonly who: string;
  readonly secret: string;
  readonly selector: string;
  /** What speaks against its having lost the peer, or nothing. */
  stillHas(home: Cluster, peer: string, signal: AbortSignal): Promise<string | undefined>;
}

const kvstoreMesh: Reader = {
  who: "KVStoreMesh",
  ...readers.kvstoreMesh,
  async stillHas(home, peer, signal) {
    const remote = (await kvstoreMeshStatus(home, signal)).find((c) => c.name === peer);
    return remote?.ready === true ? remote.status : undefined;
  },
};

const agents: Reader = {
  who: "the agents",
  ...readers.agents,
  async stillHas(home, peer, signal) {
    const all = await agentsOf(home, signal);
    if (all.length === 0) return "no agent runs";
    const keep = await having(all, (c) => c.name === peer);
    return keep.length === 0 ? undefined : `${keep.join(", ")} still have it`;
  },
};

/** Changes entries of the secret that a reader of the first cluster has its peers from; it connects anew. */
function peerConfig(
  reader: Reader,
  name: string,
  does: string,
  change: (ctx: FaultContext, peer: string, entry: string) => Promise<Changes>,
): Fault {
  return {
    name,
    group: "trust",
    // Agents without their peer have none of its endpoints; without KVStoreMesh they keep what they know.
    wide: reader === agents,
    ...(reader === kvstoreMesh ? { needs: "KVStoreMesh" } : {}),
    does,
    async inject(ctx): Promise<Injected> {
      const [home, away] = firstTwo(ctx);
      const { kube } = home;
      const secret = await kube.get(kinds.secret, "kube-system", reader.secret);
      const data = (secret?.data ?? {}) as Record<string, string>;
      const entry = data[away.name];
      if (entry === undefined)
        throw new MeshproofError(
          "fault-no-effect",
          `secret ${reader.secret} of ${home.name} has no entry ${away.name}`,
        );
      const changes = await change(ctx, away.name, Buffer.from(entry, "base64").toString());
      const encoded = Object.entries(changes).map(([key, text]) => [
        key,
        text === null ? null : Buffer.from(text).toString("base64"),
      ]);
      const back = Object.fromEntries(Object.keys(changes).map((key) => [key, data[key] ?? null]));
      await ctx.recordUndo(
        { do: "await-mesh" },
        { do: "replace-pods", cluster: home.name, selector: reader.selector },
        {
          do: "merge",
          cluster: home.name,
          kind: "secret",
          namespace: "kube-system",
          name: reader.secret,
          patch: { data: back },
        },
      );
      await kube.merge(kinds.secret, "kube-system", reader.secret, { data: Object.fromEntries(encoded) });
      await renewPods(home, reader.selector, wallLabel());
      return {
        subject: `${reader.who} of ${home.name}, the entry for ${away.name}`,
        names: [away.name],
        tookHold: () =>
          noticed(
            `${reader.who} of ${home.name} to lose ${away.name}`,
            ctx.signal,
            () => reader.stillHas(home, away.name, ctx.signal),
            () => renewPods(home, reader.selector, wallLabel()),
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

/** Half a configuration: what a set-up by hand looks like until the second side is done. */
const halfMeshed: Fault = {
  name: "half-meshed",
  group: "trust",
  needs: "KVStoreMesh",
  wide: true,
  does: "takes the second cluster out of the first one's configuration; the second keeps the first",
  async inject(ctx) {
    const [home, away] = firstTwo(ctx);
    await ctx.recordUndo(
      { do: "await-mesh" },
      // A KVStoreMesh that lost a peer drains its cache for minutes before it takes the peer back.
      { do: "replace-pods", cluster: home.name, selector: apiserverSelector },
    );
    for (const { secret: name, selector } of [kvstoreMesh, agents]) {
      const secret = await home.kube.get(kinds.secret, "kube-system", name);
      const entry = (secret?.data as Record<string, string> | undefined)?.[away.name];
      if (entry === undefined)
        throw new MeshproofError(
          "fault-no-effect",
          `secret ${name} of ${home.name} has no entry ${away.name}`,
        );
      const set = (value: string | null) => ({ data: { [away.name]: value } });
      await ctx.recordUndo({
        do: "merge",
        cluster: home.name,
        kind: "secret",
        namespace: "kube-system",
        name,
        patch: set(entry),
      });
      await home.kube.merge(kinds.secret, "kube-system", name, set(null));
      await renewPods(home, selector, wallLabel());
    }
    return {
      subject: `the configuration of ${home.name}, which lacks ${away.name}`,
      names: [away.name],
      tookHold: () =>
        noticed(
          `the agents of ${home.name} to lose ${away.name}`,
          ctx.signal,
          () => agents.stillHas(home, away.name, ctx.signal),
          () => renewPods(home, agents.selector, wallLabel()),
        ),
    };
  },
};

/** The CA that a cluster's own certificates are signed by, and its clients' must be. */
async function ownCa(cluster: Cluster): Promise<CertificateAuthority> {
  const secret = await cluster.kube.get(kinds.secret, "kube-system", "cilium-ca");
  const pem = (name: string): string => Buffer.from(String(secret?.data?.[name]), "base64").toString();
  return { cert: pem("ca.crt"), key: pem("ca.key") };
}

export const trustFaults: readonly Fault[] = [
  peerConfig(
    kvstoreMesh,
    "wrong-ca",
    "gives the first cluster's KVStoreMesh another CA to judge its peer by",
    async (_harm, peer, entry) => ({
      "wrong-ca.crt": (await makeCa("Meshproof wrong CA")).cert,
      [peer]: withLines(entry, { "trusted-ca-file": `${mountedAt}/wrong-ca.crt` }),
    }),
  ),
  peerConfig(
    kvstoreMesh,
    "expired-certificate",
    "gives the first cluster's KVStoreMesh a client certificate that ran out yesterday",
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

/** The id that clustermesh-apiserver tells the others comes from the ConfigMap, read when it starts. */
function clusterId(name: string, id: number | undefined, does: string): Fault {
  return {
    name,
    group: "trust",
    needs: "KVStoreMesh",
    wide: true,
    does,
    async inject(ctx) {
      const [home, away] = firstTwo(ctx);
      const wrong = id ?? home.id;
      const set = (value: number) => ({ data: { "cluster-id": String(value) } });
      await ctx.recordUndo(
        { do: "await-mesh" },
        { do: "replace-pods", cluster: away.name, selector: apiserverSelector },
        {
          do: "merge",
          cluster: away.name,
          kind: "configMap",
          namespace: "kube-system",
          name: "cilium-config",
          patch: set(away.id),
        },
      );
      await away.kube.merge(kinds.configMap, "kube-system", "cilium-config", set(wrong));
      await ctx.runUndo({ do: "replace-pods", cluster: away.name, selector: apiserverSelector });
      return {
        subject: `cluster id ${wrong} of ${away.name} instead of ${away.id}`,
        names: [away.name],
        tookHold: () => idReported(ctx, home, away.name, wrong),
      };
    },
  };
}

function idReported(ctx: FaultContext, home: Cluster, peer: string, id: number): Promise<void> {
  return noticed(`${home.name} to be told that ${peer} has id ${id}`, ctx.signal, async () => {
    const remote = (await kvstoreMeshStatus(home, ctx.signal)).find((c) => c.name === peer);
    return remote?.ready !== true || remote.config.clusterId === id
      ? undefined
      : `id ${remote.config.clusterId}`;
  });
}
