import type { Cluster } from "#harness/cluster/cluster.ts";
import { notMirrored } from "#harness/kube/endpoint-slices.ts";
import { kinds } from "#harness/kube/kube.ts";
import { readClusterSlice } from "./cluster-slice.ts";
import { watchKey } from "./kvstore.ts";

/** A global service as the agents of another cluster read it. */
export interface ServiceAbroad {
  readonly namespace: string;
  readonly service: string;
  /** The cluster whose backends are looked at, and the one whose agents read of them. */
  readonly target: Cluster;
  readonly client: Cluster;
}

/** The target cluster's own kvstore, or the copy that KVStoreMesh of the client cluster holds. */
export type KvFolder = "state" | "cache";

const sliceFolder = "endpointslices/v1/";

/**
 * Calls back with the number of the target's backends that a kvstore holds, now and at each change. An event arrives
 * at most `errorMs` after its change.
 */
export async function watchBackends(
  of: ServiceAbroad,
  folder: KvFolder,
  onCount: (atUnixMs: number, backends: number) => void,
): Promise<AsyncDisposable & { readonly errorMs: number }> {
  const at = folder === "state" ? of.target : of.client;
  await using open = new AsyncDisposableStack();
  // A service may have several EndpointSlices, each with its own key.
  const left = new Map<string, number>();
  let errorMs = 0;
  for (const key of await keysOf(of)) {
    const watch = await watchKey(at, `cilium/${folder}/${key}`, (atUnixMs, value) => {
      left.set(key, backendsOf(key, value));
      onCount(
        atUnixMs,
        [...left.values()].reduce((a, b) => a + b, 0),
      );
    });
    open.use(watch);
    errorMs = Math.max(errorMs, watch.roundTripMs);
  }
  const kept = open.move();
  return { errorMs, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** The keys that the client's agents read, without `cilium/state/` or `cilium/cache/`. */
async function keysOf({ target, client, namespace, service }: ServiceAbroad): Promise<string[]> {
  // Agents with another mode read EndpointSlices (pkg/clustermesh/types/option.go of 1.20).
  const mode = (await client.setting("clustermesh-service-v2")) ?? "prefer-legacy";
  if (mode === "prefer-legacy") return [`services/v1/${target.name}/${namespace}/${service}`];
  const of = await target.kube.list(kinds.endpointSlice, namespace, `kubernetes.io/service-name=${service}`);
  return notMirrored(of).map((s) => `${sliceFolder}${target.name}/${namespace}/${s.metadata.name}`);
}

/** A service in Cilium's kvstore has `backends` by address (pkg/clustermesh/store), an EndpointSlice its endpoints. */
function backendsOf(key: string, value: Buffer): number {
  if (value.length === 0) return 0;
  if (key.startsWith(sliceFolder)) return readClusterSlice(key.slice(sliceFolder.length), value).serving;
  const reported = JSON.parse(value.toString()) as { backends?: Record<string, unknown> };
  return Object.keys(reported.backends ?? {}).length;
}
