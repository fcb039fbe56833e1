import type { Cluster } from "#harness/cluster/cluster.ts";
import type { MeshInstaller } from "../mesh-installer.ts";

/** What one cluster's administrator gives to the others', read from the cluster. Base64, as in the secrets. */
export interface PeerCredentials {
  readonly name: string;
  readonly ips: readonly string[];
  readonly port: number;
  readonly cert: string;
  readonly key: string;
  readonly caCert: string;
}

/** Waits for the cluster's clustermesh-apiserver and reads its address and its "remote" certificate. */
export async function peerCredentialsOf(
  installer: MeshInstaller,
  cluster: Cluster,
): Promise<PeerCredentials> {
  await installer.apiserverReady(cluster);
  const remote = await installer.secret(cluster, "clustermesh-apiserver-remote-cert", [
    "tls.crt",
    "tls.key",
    "ca.crt",
  ]);
  return {
    name: cluster.name,
    ...(await installer.apiserverAddress(cluster)),
    cert: remote["tls.crt"],
    key: remote["tls.key"],
    caCert: remote["ca.crt"],
  };
}
