import { followBackends, followFrontend } from "#harness/cilium/agent/agent-tables.ts";
import { watchBackends } from "#harness/cilium/kvstore/service-watch.ts";
import { type Cluster, localNode } from "#harness/cluster/cluster.ts";
import { endpointsLeft } from "#harness/kube/endpoint-slices.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { contains, parseCidr } from "#harness/lib/cidr.ts";
import { steadyUnixMs, unixNowMs } from "#harness/lib/clock.ts";
import { eventually, notYet, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import type { ChainEvent, ChainRecord } from "#harness/model/chain.ts";
import type { Boundary } from "#harness/model/measurement.ts";
import { echoHttpPort } from "#harness/workloads/echo.ts";

export interface ChainOptions {
  readonly namespace: string;
  readonly service: string;
  /** The cluster whose backends the fault removes. */
  readonly target: Cluster;
  /** The cluster and node whose agent serves the client. */
  readonly client: Cluster;
  readonly node: string;
  readonly clusterIp: string;
  readonly signal: AbortSignal;
}

/**
 * Watches every link between the target cluster's API server and the client's BPF map, each at its source:
 * EndpointSlices with a watch, the kvstore and the peer's cache of it through etcd, agent and BPF map by the agent's
 * own timestamps.
 */
export class ChainWatch implements AsyncDisposable {
  readonly #options: ChainOptions;
  readonly #events: ChainEvent[] = [];
  readonly #slices = { boundary: "EndpointSlice changed" as const, errorMs: Number.POSITIVE_INFINITY };
  readonly #path: { boundary: Boundary; errorMs: number }[] = [this.#slices];
  readonly #open: AsyncDisposable[] = [];
  readonly #stop = new AbortController();

  private constructor(options: ChainOptions) {
    this.#options = options;
  }

  /** The watch of the EndpointSlices has no error bound before `timeSlices`. */
  static async start(options: ChainOptions): Promise<ChainWatch> {
    const watch = new ChainWatch(options);
    try {
      await watch.#watchSlices(options);
      if (options.client.name !== options.target.name) await watch.#watchKvstore(options);
      await watch.#watchAgent(options);
    } catch (error) {
      await watch[Symbol.asyncDispose]();
      throw error;
    }
    return watch;
  }

  /** Measures how late the API server reports a change of an EndpointSlice: just before the fault, as it will then be. */
  async timeSlices(): Promise<void> {
    const { target, namespace, service, signal } = this.#options;
    this.#slices.errorMs = await watchDelay(target, namespace, service, signal);
  }

  record(): ChainRecord {
    return {
      path: [...this.#path],
      events: [...this.#events].sort((a, b) => a.atUnixMs - b.atUnixMs),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const open of this.#open.splice(0)) await open[Symbol.asyncDispose]();
  }

  #saw(boundary: Boundary, atUnixMs: number, active: number): void {
    this.#events.push({ boundary, atUnixMs, active });
  }

  async #watchSlices({ target, client, namespace, service, signal }: ChainOptions): Promise<void> {
    const stop = AbortSignal.any([signal, this.#stop.signal]);
    let looks = 0;
    void target.kube.follow(
      kinds.endpointSlice,
      { namespace, labelSelector: `kubernetes.io/service-name=${service}` },
      (slices) => {
        looks += 1;
        this.#saw("EndpointSlice changed", unixNowMs(), endpointsLeft(slices, client !== target));
      },
      stop,
    );
    await eventually(async () => (looks > 0 ? ready(undefined) : notYet("no list")), {
      what: `the EndpointSlices of ${namespace}/${service}`,
      withinMs: preparedWithinMs,
      everyMs: 20,
      signal,
    });
  }

  async #watchKvstore(options: ChainOptions): Promise<void> {
    const links = [
      ["kvstore changed", "state"] as const,
      // Without KVStoreMesh the agents read the target cluster's kvstore directly.
      ...(options.client.capabilities.hasKvstoreMesh ? [["peer's cache changed", "cache"] as const] : []),
    ];
    for (const [boundary, folder] of links) {
      const watch = await watchBackends(options, folder, (atUnixMs, backends) =>
        this.#saw(boundary, atUnixMs, backends),
      );
      this.#open.push(watch);
      this.#path.push({ boundary, errorMs: watch.errorMs });
    }
  }

  async #watchAgent(options: ChainOptions): Promise<void> {
    const { target, clusterIp, namespace, service, signal } = options;
    const node = localNode(options.client, options.node);
    const pods = parseCidr(target.podCidr);
    const ofTarget = (addresses: readonly string[]): number =>
      addresses.filter((a) => contains(pods, a.slice(0, a.lastIndexOf(":")))).length;
    // Both clocks are of one machine; `Date` has whole milliseconds, so the error is at most 1 ms.
    const bpf = { boundary: "BPF map changed" as const, errorMs: 1 };
    const agent = { boundary: "agent updated" as const, errorMs: 1 };
    let frontends = 0;
    let backends = 0;
    const frontend = { address: clusterIp, port: 80, protocol: "TCP" as const };
    const streams = [
      followFrontend(node, frontend, (change, arrivedUnixMs) => {
        const at = steadyUnixMs(change.atUnixMs);
        // Measures the delay of the lines that carry a timestamp; the first line is the state before the start.
        if (frontends++ > 0) agent.errorMs = Math.max(agent.errorMs, arrivedUnixMs - at);
        if (change.status === "Done") this.#saw("BPF map changed", at, ofTarget(change.active));
        else if (change.status === "Pending") this.#saw("agent updated", at, ofTarget(change.active));
      }),
      // The stream omits `Pending` if the BPF map follows immediately; then the change in the table of backends shows
      // it, without its own timestamp.
      followBackends(node, { name: `${namespace}/${service}`, port: echoHttpPort }, (active, atUnixMs) => {
        backends += 1;
        this.#saw("agent updated", atUnixMs, ofTarget(active));
      }),
    ];
    this.#open.push({
      async [Symbol.asyncDispose]() {
        for (const stream of streams) stream.kill();
      },
    });
    await eventually(
      async () => (frontends > 0 && backends > 0 ? ready(undefined) : notYet("no line about it")),
      {
        what: `the agent of ${node.name} to report the service's frontend and backends`,
        withinMs: preparedWithinMs,
        everyMs: 20,
        signal,
      },
    );
    this.#path.push(agent, bpf);
  }
}

/**
 * Measures how late a watch reports a change, from before the request until the event, with a few changes of an
 * EndpointSlice that belongs to no service.
 */
async function watchDelay(
  { kube }: Cluster,
  namespace: string,
  service: string,
  signal: AbortSignal,
): Promise<number> {
  const name = `${service}-clock`;
  const label = { "meshproof.io/clock": service };
  const slice = (round: number): KubeObject => ({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, namespace, labels: label, annotations: { "meshproof.io/round": String(round) } },
    addressType: "IPv4",
    endpoints: [],
    ports: [],
  });
  await kube.apply(slice(0));
  const stop = new AbortController();
  let seen = "";
  let seenAtMs = 0;
  void kube.follow(
    kinds.endpointSlice,
    { namespace, labelSelector: `meshproof.io/clock=${service}` },
    (slices) => {
      seen = slices[0]?.metadata.annotations?.["meshproof.io/round"] ?? "";
      seenAtMs = unixNowMs();
    },
    AbortSignal.any([signal, stop.signal]),
  );
  const reported = (round: number) =>
    eventually(async () => (seen === String(round) ? ready(seenAtMs) : notYet(`round ${seen}`)), {
      what: "a watch to report a change",
      withinMs: preparedWithinMs,
      everyMs: 5,
      signal,
    });
  try {
    await reported(0);
    let longestMs = 0;
    for (let round = 1; round <= 3; round++) {
      const startedMs = unixNowMs();
      await kube.merge(kinds.endpointSlice, namespace, name, {
        metadata: { annotations: { "meshproof.io/round": String(round) } },
      });
      longestMs = Math.max(longestMs, (await reported(round)) - startedMs);
    }
    return longestMs;
  } finally {
    stop.abort();
    await kube.remove(kinds.endpointSlice, namespace, name);
  }
}
