import type { Cluster } from "#harness/cluster/cluster.ts";
import type { MeshInstaller, Profile, Values } from "../mesh-installer.ts";
import { reconnectAll } from "../reconnect.ts";
import { type PeerCredentials, peerCredentialsOf } from "./peer-credentials.ts";

interface Authority {
  readonly cert: string;
  readonly key: string;
}

/**
 * The steps of KKP's "Cilium Cluster Mesh Setup" guide (seed 001), for clusters that already run Cilium: enable the
 * mesh in one cluster, copy the data that it shows into the next one's values, and then the other way round. It
 * differs from the guide in these points: `tls.ca` replaces `clustermesh.apiserver.tls.ca` (removed in Cilium 1.15),
 * and the chart signs certificates instead of `cronJob` (which needs certgen's image). Name and id are set from the
 * start, because a cluster that gets them later exports identities of its former id until they are garbage-collected
 * (15 minutes).
 */
export const kkpProfile: Profile = {
  async mesh(installer) {
    const { clusters, progress } = installer;
    const [first, ...others] = clusters as [Cluster, ...Cluster[]];
    await progress.step(
      "step 1: install Cilium without a mesh",
      () => Promise.all(clusters.map((c) => installer.begin(c, rollOut))),
      { expectMs: 60_000 },
    );
    const known: PeerCredentials[] = [
      await progress.step(
        `steps 2 and 3: enable Cluster Mesh in ${first.name}, retrieve its data`,
        () => enable(installer, first, []),
        { expectMs: 75_000 },
      ),
    ];
    const authority = await authorityOf(installer, first);
    for (const cluster of others)
      known.push(
        await progress.step(
          `steps 4 and 5: enable it in ${cluster.name} with the data of ${known.map((k) => k.name).join(", ")}, retrieve its own`,
          () => enable(installer, cluster, known, authority),
          { expectMs: 75_000 },
        ),
      );
    await progress.step(
      `step 6: copy the later clusters' data into the earlier ones`,
      async () => {
        for (const cluster of clusters.slice(0, -1)) {
          await installer.install(cluster, meshValues(cluster, known, authority));
          await installer.agentsReady(cluster);
          await installer.apiserverReady(cluster);
        }
        await reconnectAll(clusters, installer.waiting);
      },
      { expectMs: 60_000 },
    );
  },
};

/** KKP restarts what reads the ConfigMap when it applies changed values; this does the same. */
const rollOut = { rollOutCiliumPods: true, operator: { rollOutPods: true } };

function meshValues(cluster: Cluster, known: readonly PeerCredentials[], authority?: Authority): Values {
  return {
    ...rollOut,
    ...(authority === undefined ? {} : { tls: { ca: authority } }),
    clustermesh: {
      useAPIServer: true,
      config: {
        enabled: true,
        clusters: known
          .filter((k) => k.name !== cluster.name)
          .map(({ name, ips, port, cert, key }) => ({ name, address: "", port, ips, tls: { cert, key } })),
      },
      apiserver: { service: { type: "LoadBalancer" } },
    },
  };
}

async function enable(
  installer: MeshInstaller,
  cluster: Cluster,
  known: readonly PeerCredentials[],
  authority?: Authority,
): Promise<PeerCredentials> {
  await installer.install(cluster, meshValues(cluster, known, authority));
  await installer.agentsReady(cluster);
  return peerCredentialsOf(installer, cluster);
}

async function authorityOf(installer: MeshInstaller, cluster: Cluster): Promise<Authority> {
  const ca = await installer.secret(cluster, "cilium-ca", ["ca.crt", "ca.key"]);
  return { cert: ca["ca.crt"], key: ca["ca.key"] };
}
