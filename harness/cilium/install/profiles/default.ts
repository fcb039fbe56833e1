import type { Cluster } from "#harness/cluster/cluster.ts";
import { found } from "#harness/lib/found.ts";
import { labCa } from "../ca.ts";
import { apiserverPort } from "../helm-values.ts";
import type { MeshInstaller, Profile } from "../mesh-installer.ts";
import { reconnectAgents } from "../reconnect.ts";

/**
 * Meshes the clusters by Helm values alone (Cilium's "Setting up Cluster Mesh" guide). The addresses are known
 * beforehand and one CA signs for all clusters, so all are installed at the same time, already meshed.
 */
export const defaultProfile: Profile = {
  async mesh(installer) {
    const { clusters, plan, progress } = installer;
    const addresses = new Map<string, readonly string[]>();
    for (const cluster of clusters) addresses.set(cluster.name, await addressesOf(installer, cluster));
    const addressOf = ({ name }: Cluster): string =>
      found(addresses.get(name)?.[0], `address of the clustermesh-apiserver of ${name}`);
    const ca = await labCa(plan.lab);
    await progress.step("install Cilium with its own chart", () =>
      Promise.all(
        clusters.map((cluster) =>
          installer.install(cluster, {
            tls: { ca: { cert: base64(ca.cert), key: base64(ca.key) } },
            clustermesh: {
              useAPIServer: true,
              apiserver: {
                service: {
                  type: plan.serviceType,
                  ...(plan.serviceType === "LoadBalancer"
                    ? { annotations: { "lbipam.cilium.io/ips": addressOf(cluster) } }
                    : { nodePort: apiserverPort.NodePort }),
                },
              },
              config: {
                enabled: true,
                clusters: clusters
                  .filter((peer) => peer !== cluster)
                  .map((peer) => ({
                    name: peer.name,
                    port: apiserverPort[plan.serviceType],
                    ips: addresses.get(peer.name),
                  })),
              },
            },
          }),
        ),
      ),
    );
    // Whatever the type of clustermesh-apiserver's service, the suites have LoadBalancer services of their own.
    const announced = Promise.all(clusters.map((c) => installer.announce(c)));
    announced.catch(() => {});
    await progress.step(
      "wait for the agents",
      () => Promise.all(clusters.map((c) => installer.agentsReady(c))),
      {
        expectMs: 30_000,
      },
    );
    await announced;
    await progress.step(
      "wait for the clustermesh-apiservers",
      () =>
        Promise.all(
          clusters.map(async (c) => {
            // With KVStoreMesh, agents read their own cluster's copy, so the other clusters need not be ready.
            await Promise.all(
              (c.capabilities.hasKvstoreMesh ? [c] : clusters).map((of) => installer.apiserverReady(of)),
            );
            await reconnectAgents(c);
          }),
        ),
      { expectMs: 60_000 },
    );
  },
};

async function addressesOf(installer: MeshInstaller, cluster: Cluster): Promise<readonly string[]> {
  return installer.plan.serviceType === "LoadBalancer"
    ? [installer.block(cluster).apiserver]
    : (await cluster.nodes()).map((n) => n.address);
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
