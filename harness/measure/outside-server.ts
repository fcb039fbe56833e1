import type { KindCluster } from "#harness/cluster/kind/kind-cluster.ts";
import { startOutsideClient } from "#harness/platform/containers.ts";
import { containerAddress, execLines } from "#harness/platform/docker.ts";
import { standingEcho } from "#harness/workloads/standing-pods.ts";

export interface OutsideServer extends AsyncDisposable {
  /** Its address on the network of a cluster's nodes. */
  readonly addressFor: (cluster: Pick<KindCluster, "network">) => Promise<string>;
}

/** A server outside all clusters: what CIDR policies name, and the far end of a path with no mesh in it. */
export async function startOutsideServer(
  lab: string,
  networks: readonly string[],
  { image, clusters }: { readonly image: string; readonly clusters: number },
): Promise<OutsideServer> {
  const container = await startOutsideClient(lab, networks, image);
  const argv = ["node", "/prober/main.mjs", "echo", JSON.stringify(standingEcho(clusters))];
  const server = execLines(container.id, argv, () => {});
  return {
    addressFor: ({ network }) => containerAddress(container.id, network),
    async [Symbol.asyncDispose]() {
      server.kill();
      await container[Symbol.asyncDispose]();
    },
  };
}
