import { setTimeout as delay } from "node:timers/promises";
import { connect } from "node:tls";
import type { Etcd3 } from "etcd3";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { loadBalancerIp } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";

/** Certificates of clustermesh-apiserver, and of an external etcd, are for `*.mesh.cilium.io` (Cilium's chart, `tls.server`; seed 003). */
const serverName = "clustermesh-apiserver.mesh.cilium.io";

/** A watch on one key of a cluster's clustermesh-apiserver. */
export interface KvWatch extends AsyncDisposable {
  /** The longest of a few round trips in milliseconds: an event arrives at most this long after its change. */
  readonly roundTripMs: number;
}

/** What a cluster's kvstore holds under a prefix, keyed by the rest of the key. */
export async function entriesUnder(cluster: Cluster, prefix: string): Promise<ReadonlyMap<string, string>> {
  const all = await withClient(cluster, (client) => client.getAll().prefix(prefix).strings());
  return new Map(Object.entries(all).map(([key, value]) => [key.slice(prefix.length), value]));
}

/** The same of values that are not text. */
export async function rawEntriesUnder(
  cluster: Cluster,
  prefix: string,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const all = await withClient(cluster, (client) => client.getAll().prefix(prefix).buffers());
  return new Map(Object.entries(all).map(([key, value]) => [key.slice(prefix.length), value]));
}

export async function putEntry(cluster: Cluster, key: string, value: string): Promise<void> {
  await withClient(cluster, (client) => client.put(key).value(value).exec());
}

export async function removeEntry(cluster: Cluster, key: string): Promise<void> {
  await withClient(cluster, (client) => client.delete().key(key).exec());
}

async function withClient<T>(cluster: Cluster, use: (client: Etcd3) => Promise<T>): Promise<T> {
  const client = await clientOf(cluster);
  try {
    return await use(client);
  } catch (error) {
    throw new MeshproofError(
      "kube-request",
      `the kvstore of ${cluster.name} does not answer: ${messageOf(error)}`,
      { cause: error },
    );
  } finally {
    client.close();
  }
}

/** Calls back with a key's value now (empty if there is none) and at each change, stamped on arrival. */
export async function watchKey(
  cluster: Cluster,
  key: string,
  onValue: (atUnixMs: number, value: Buffer) => void,
): Promise<KvWatch> {
  const client = await clientOf(cluster);
  try {
    let roundTripMs = 0;
    let value: Buffer | null = null;
    for (let i = 0; i < 5; i++) {
      const startedMs = unixNowMs();
      value = await client.get(key).buffer();
      // The first request opens the connection.
      if (i > 0) roundTripMs = Math.max(roundTripMs, unixNowMs() - startedMs);
    }
    const watcher = await client.watch().key(key).create();
    watcher.on("put", (kv) => onValue(unixNowMs(), kv.value));
    watcher.on("delete", () => onValue(unixNowMs(), Buffer.alloc(0)));
    // A lost server is part of what is measured; the client reconnects by itself.
    watcher.on("error", () => {});
    onValue(unixNowMs(), value ?? Buffer.alloc(0));
    return {
      roundTripMs,
      async [Symbol.asyncDispose]() {
        watcher.removeAllListeners();
        watcher.on("error", () => {});
        // Without this the client would reconnect the watch for ever.
        await Promise.race([watcher.cancel().catch(() => {}), delay(2000)]);
        client.close();
      },
    };
  } catch (error) {
    client.close();
    throw new MeshproofError(
      "kube-request",
      `the kvstore of ${cluster.name} does not answer: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

const answerMs = 5000;

/** Where to reach a cluster's kvstore, and with which client certificate. */
interface Door {
  readonly service: string;
  readonly secret: string;
  readonly files: { readonly ca: string; readonly cert: string; readonly key: string };
}

const doors: Readonly<Record<"apiserver" | "etcd", Door>> = {
  apiserver: {
    service: "clustermesh-apiserver",
    secret: "clustermesh-apiserver-admin-cert",
    files: { ca: "ca.crt", cert: "tls.crt", key: "tls.key" },
  },
  etcd: {
    service: "cilium-etcd-external",
    secret: "cilium-etcd-secrets",
    files: { ca: "etcd-client-ca.crt", cert: "etcd-client.crt", key: "etcd-client.key" },
  },
};

async function clientOf(cluster: Cluster): Promise<Etcd3> {
  const { secret: name, files } = doorOf(cluster);
  const secret = await cluster.kube.get(kinds.secret, "kube-system", name);
  if (secret === undefined)
    throw new MeshproofError("mesh-not-ready", `${cluster.name} has no secret ${name}`);
  const pem = (file: string): Buffer => Buffer.from(String(secret.data?.[file]), "base64");
  const { host, port } = await addressOf(cluster);
  // Loaded here, because listing suites imports this file and does not need it.
  const { Etcd3 } = await import("etcd3");
  return new Etcd3({
    hosts: `https://${host}:${port}`,
    // Requests to a lost server must end; a watch may stay open without limit.
    defaultCallOptions: (call) => (call.isStream ? {} : { deadline: Date.now() + answerMs }),
    credentials: {
      rootCertificate: pem(files.ca),
      certChain: pem(files.cert),
      privateKey: pem(files.key),
    },
    grpcOptions: {
      // 4 MiB by default, which the addresses of 10,000 pods exceed.
      "grpc.max_receive_message_length": 64 * 1024 ** 2,
      "grpc.ssl_target_name_override": serverName,
      "grpc.default_authority": serverName,
    },
  });
}

const doorOf = (cluster: Cluster): Door => doors[cluster.capabilities.hasApiserver ? "apiserver" : "etcd"];

async function addressOf(cluster: Cluster): Promise<{ readonly host: string; readonly port: number }> {
  const { service: name } = doorOf(cluster);
  const service = await cluster.kube.get(kinds.service, "kube-system", name);
  const port = service?.spec.ports[0] as { port: number; nodePort?: number } | undefined;
  if (port === undefined)
    throw new MeshproofError("mesh-not-ready", `${cluster.name} has no service ${name}`);
  const loadBalancer = loadBalancerIp(service);
  if (loadBalancer !== undefined) return { host: loadBalancer, port: port.port };
  const [node] = await cluster.nodes();
  return { host: String(node?.address), port: Number(port.nodePort) };
}

/** The serial number of the certificate that a cluster's kvstore serves. */
export async function servedCertificate(cluster: Cluster): Promise<string> {
  const { host, port } = await addressOf(cluster);
  return new Promise((resolve, reject) => {
    // Not verified here, because this only reads it; clients verify it.
    const socket = connect({ host, port, servername: serverName, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.setTimeout(answerMs, () => socket.destroy(new Error(`no TLS response in ${answerMs} ms`)));
    socket.on("error", (error) =>
      reject(
        new MeshproofError(
          "kube-request",
          `the kvstore of ${cluster.name} at ${host}:${port}: ${error.message}`,
          {
            cause: error,
          },
        ),
      ),
    );
  });
}
