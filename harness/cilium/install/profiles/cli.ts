import type { Cluster } from "#harness/cluster/cluster.ts";
import { CiliumCli } from "#harness/platform/cilium-cli.ts";
import { apiserverPort } from "../helm-values.ts";
import type { MeshInstaller, Profile, Values } from "../mesh-installer.ts";
import { reconnectAll } from "../reconnect.ts";
import { meshByCli } from "./cli-mesh.ts";
import { type PeerCredentials, peerCredentialsOf } from "./peer-credentials.ts";

/**
 * The lab with two minikube clusters (seed 004): cluster-pool IPAM, first Cilium without a mesh by Helm, then the
 * commands of the document with the real Cilium CLI. A machine that has none makes the same Helm upgrades: `enable`
 * deploys clustermesh-apiserver, `connect` exchanges addresses and certificates in both directions. Each cluster keeps
 * the CA that its chart created.
 */
export const cliProfile: Profile = {
  async mesh(installer) {
    const { clusters, progress, signal } = installer;
    await progress.step(
      "install Cilium without a mesh",
      () => Promise.all(clusters.map((c) => installer.begin(c, profileValues(installer, c)))),
      { expectMs: 60_000 },
    );
    const built = installer.ciliumCli;
    const cli =
      built !== undefined && "program" in built
        ? new CiliumCli(built, signal)
        : await CiliumCli.onPath(signal);
    if (cli === undefined) {
      await meshByHelm(installer);
      const note =
        built !== undefined && "missing" in built ? built.missing : "this lab's artifacts have none";
      installer.meshing = {
        by: "Helm upgrades like those of the Cilium CLI",
        note: `no Cilium CLI: ${note}`,
        added: [],
        commands: [],
      };
    } else installer.meshing = await meshByCli(installer, cli);
    await reconnectAll(clusters, installer.waiting);
  },
};

/** The Helm upgrades that the CLI would make. */
async function meshByHelm(installer: MeshInstaller): Promise<void> {
  const { clusters, progress } = installer;
  const known = await progress.step(
    "enable Cluster Mesh in each cluster",
    () =>
      Promise.all(
        clusters.map(async (c) => {
          await installer.install(c, { ...profileValues(installer, c), clustermesh: enabled });
          return peerCredentialsOf(installer, c);
        }),
      ),
    { expectMs: 60_000 },
  );
  await progress.step(
    "connect the clusters in both directions",
    async () => {
      await Promise.all(
        clusters.map(async (c) => {
          await installer.install(c, {
            ...profileValues(installer, c),
            clustermesh: { ...enabled, config: peersOf(c, known) },
          });
          await installer.apiserverReady(c);
        }),
      );
    },
    { expectMs: 40_000 },
  );
}

function profileValues(installer: MeshInstaller, cluster: Cluster): Values {
  return {
    ipam: {
      mode: "cluster-pool",
      operator: { clusterPoolIPv4PodCIDRList: [installer.planned(cluster).podCidr] },
    },
  };
}

const enabled = {
  useAPIServer: true,
  // Not a peer yet, only what a clustermesh-apiserver mounts for peers.
  config: { enabled: true },
  apiserver: { service: { type: "NodePort", nodePort: apiserverPort.NodePort } },
};

function peersOf(cluster: Cluster, known: readonly PeerCredentials[]): Values {
  return {
    enabled: true,
    clusters: known
      .filter((k) => k.name !== cluster.name)
      .map(({ name, ips, port, cert, key, caCert }) => ({ name, ips, port, tls: { cert, key, caCert } })),
  };
}
