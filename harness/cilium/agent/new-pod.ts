import type { Cluster } from "#harness/cluster/cluster.ts";
import { kinds } from "#harness/kube/kube.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { MeshproofError, missedDeadline } from "#harness/lib/errors.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import type { IpcacheEntry } from "#harness/model/snapshot.ts";
import type { Agent } from "./agent.ts";

export interface StandalonePod extends AsyncDisposable {
  readonly cluster: string;
  readonly name: string;
  readonly ip: string;
  readonly identity: number;
  readonly nodeAddress: string;
}

/** A pod with its own Cilium endpoint; disposing of the handle removes it. */
export async function standalonePod(
  cluster: Cluster,
  options: {
    namespace: string;
    name: string;
    image: string;
    /** `pause` of agnhost by default. */
    args?: readonly string[];
    withinMs: number;
    signal: AbortSignal;
  },
): Promise<StandalonePod> {
  const { namespace, name, args = ["pause"] } = options;
  await cluster.kube.apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: "pause", image: options.image, imagePullPolicy: "IfNotPresent", args }],
    },
  });
  const endpoint = await cluster.kube.until(
    kinds.ciliumEndpoint,
    { namespace, name },
    ([e]) => {
      const { networking, identity: own } = e?.status ?? {};
      const ip = networking?.addressing?.[0]?.ipv4 as string | undefined;
      const identity = Number(own?.id ?? 0);
      return ip !== undefined && identity > 0
        ? ready({ ip, identity, nodeAddress: String(networking.node) })
        : notYet("no address and identity yet");
    },
    {
      what: `pod ${namespace}/${name} to get an address and an identity`,
      withinMs: options.withinMs,
      signal: options.signal,
    },
  );
  return {
    cluster: cluster.name,
    name,
    ...endpoint,
    async [Symbol.asyncDispose]() {
      await cluster.kube.remove(kinds.pod, namespace, name, 0);
    },
  };
}

/** Waits until a pod's address is in the agent's ipcache BPF map with its own identity, or is gone from it. */
export async function awaitIpcache(
  agent: Agent,
  pod: StandalonePod,
  options: { readonly gone?: boolean; readonly withinMs: number; readonly signal: AbortSignal },
): Promise<IpcacheEntry & { readonly afterMs: number }> {
  const startedMs = monotonicMs();
  const verb = options.gone === true ? "forget" : "learn";
  try {
    return await eventually(
      async () => {
        const entry = (await agent.ipcache()).find((e) => e.cidr === `${pod.ip}/32`);
        const afterMs = monotonicMs() - startedMs;
        if (options.gone === true)
          return entry === undefined
            ? ready({ cidr: pod.ip, identity: 0, tunnelEndpoint: "", afterMs })
            : notYet(`identity ${entry.identity}`);
        return entry !== undefined && entry.identity === pod.identity
          ? ready({ ...entry, afterMs })
          : notYet(entry === undefined ? "no entry" : `identity ${entry.identity}, expected ${pod.identity}`);
      },
      {
        what: `the ipcache of ${agent.name} to ${verb} ${pod.ip}`,
        withinMs: options.withinMs,
        everyMs: 50,
        signal: options.signal,
      },
    );
  } catch (error) {
    if (!missedDeadline(error)) throw error;
    throw new MeshproofError(
      error.code,
      `${agent.name} did not ${verb} pod ${pod.name} (${pod.ip}, identity ${pod.identity}) of ${pod.cluster} within ${options.withinMs} ms: ${pod.cluster}'s clustermesh-apiserver, or the KVStoreMesh of ${agent.cluster.name}, does not pass it on. ${error.message}`,
      { cause: error },
    );
  }
}

/** Waits until an address is in the agent's ipcache BPF map, whatever its identity, or is gone from it. */
export async function awaitAddress(
  agent: Agent,
  ip: string,
  {
    gone = false,
    of,
    ...options
  }: {
    readonly gone?: boolean;
    /** Whose address it is, for the message. */
    readonly of?: string;
    readonly withinMs: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  await eventually(
    async () => {
      const entry = (await agent.ipcache()).find((e) => e.cidr === `${ip}/32`);
      if ((entry === undefined) === gone) return ready(undefined);
      return notYet(entry === undefined ? "no entry" : `identity ${entry.identity}`);
    },
    {
      what: `the ipcache of ${agent.name} to ${gone ? "drop" : "hold"} ${ip}${of === undefined ? "" : ` of ${of}`}`,
      everyMs: 200,
      ...options,
    },
  );
}
