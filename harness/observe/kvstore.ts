import { setTimeout as delay } from "node:timers/promises";
import { Etcd3 } from "etcd3";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { unixNowMs } from "#harness/core/clock.ts";
import { MeshproofError, messageOf } from "#harness/core/errors.ts";
import { kinds } from "#harness/kube/kube.ts";

/** Every name that clustermesh-apiserver's certificate has ends like this (Cilium's chart, `tls.server`). */
const serverName = "clustermesh-apiserver.mesh.cilium.io";

/** A watch on one key of a cluster's clustermesh-apiserver. */
export interface KvWatch extends AsyncDisposable {
  /** The longest of a few round trips: no change is told later than that after it happened. */
  readonly roundTripMs: number;
}

/** Tells of a key's value now (empty where there is none) and of each change, stamped on arrival. */
export async function watchKey(
  cluster: Cluster,
  key: string,
  onValue: (atUnixMs: number, value: string) => void,
): Promise<KvWatch> {
  const client = await clientOf(cluster);
  try {
    let roundTripMs = 0;
    let value: string | null = null;
    for (let i = 0; i < 5; i++) {
      const startedMs = unixNowMs();
      value = await client.get(key).string();
      // The first one opens the connection.
      if (i > 0) roundTripMs = Math.max(roundTripMs, unixNowMs() - startedMs);
    }
    const watcher = await client.watch().key(key).create();
    watcher.on("put", (kv) => onValue(unixNowMs(), kv.value.toString()));
    watcher.on("delete", () => onValue(unixNowMs(), ""));
    // A lost server is part of what is measured: the client connects again by itself.
    watcher.on("error", () => {});
    onValue(unixNowMs(), value ?? "");
    return {
      roundTripMs,
      async [Symbol.asyncDispose]() {
        watcher.removeAllListeners();
        watcher.on("error", () => {});
        // A watch that is not cancelled makes the client connect again for ever.
        await Promise.race([watcher.cancel().catch(() => {}), delay(2000)]);
        client.close();
      },
    };
  } catch (error) {
    client.close();
    throw new MeshproofError(
      "probe-failed",
      `the kvstore of ${cluster.name} does not answer: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

async function clientOf(cluster: Cluster): Promise<Etcd3> {
  const namespace = "kube-system";
  const secret = await cluster.kube.get(kinds.secret, namespace, "clustermesh-apiserver-admin-cert");
  const service = await cluster.kube.get(kinds.service, namespace, "clustermesh-apiserver");
  const port = service?.spec.ports[0] as { port: number; nodePort?: number } | undefined;
  const loadBalancer = service?.status?.loadBalancer?.ingress?.[0]?.ip as string | undefined;
  const [node] = await cluster.nodes();
  const address =
    loadBalancer === undefined ? `${node?.address}:${port?.nodePort}` : `${loadBalancer}:${port?.port}`;
  if (secret === undefined || port === undefined)
    throw new MeshproofError("lab-broken", `${cluster.name} has no clustermesh-apiserver to ask`);
  const pem = (name: string): Buffer => Buffer.from(String(secret.data?.[name]), "base64");
  return new Etcd3({
    hosts: `https://${address}`,
    credentials: {
      rootCertificate: pem("ca.crt"),
      certChain: pem("tls.crt"),
      privateKey: pem("tls.key"),
    },
    grpcOptions: {
      "grpc.ssl_target_name_override": serverName,
      "grpc.default_authority": serverName,
    },
  });
}
