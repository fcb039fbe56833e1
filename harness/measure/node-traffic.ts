import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { MeshproofError, missedDeadline } from "#harness/lib/errors.ts";
import { notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import type { History, Sample } from "#harness/model/history.ts";
import { Prober, type Stream } from "#harness/probe/driver.ts";
import { eventuallyReported, type Reporting } from "#harness/probe/eventually-reported.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { FirstBackends } from "#harness/workloads/first-backends.ts";
import { type Vantage, vantagesOf } from "#harness/workloads/vantage.ts";

/** What one client asks. */
export interface FlowTarget {
  /** Equal for the same target at every node; part of a history's name. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly path?: string;
}

export interface NodeTrafficOptions {
  readonly cluster: Cluster;
  /** The namespace of the clients; by default the lab's own. */
  readonly namespace?: string;
  /** Nodes without a client, because the test takes them down. */
  readonly without?: readonly string[];
  /** What the client on the node with this index asks. */
  readonly targets: (nodeIndex: number) => readonly FlowTarget[];
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly clusterOf: (pod: string) => string | undefined;
  readonly historyFile: (title: string) => string;
  readonly signal: AbortSignal;
}

type Expected = (sample: Sample) => boolean;

/** The requests of one client to one target. */
export class Flow {
  readonly at: string;
  readonly cluster: string;
  readonly node: string;
  readonly client: string;
  readonly target: FlowTarget;
  readonly #stream: () => Stream;
  #expected: Expected = () => false;
  #sinceMs = Number.POSITIVE_INFINITY;
  #lastAsExpectedMs = Number.NEGATIVE_INFINITY;
  #lastOtherMs = Number.NEGATIVE_INFINITY;

  constructor(vantage: Vantage, target: FlowTarget, stream: () => Stream) {
    this.at = `${vantage.cluster}/${vantage.node}`;
    this.cluster = vantage.cluster;
    this.node = vantage.node;
    this.client = `${vantage.pod} (${vantage.ip})`;
    this.target = target;
    this.#stream = stream;
  }

  get stream(): Stream {
    return this.#stream();
  }

  take(samples: readonly Sample[]): void {
    for (const s of samples) {
      if (s.sentMs < this.#sinceMs) continue;
      if (this.#expected(s)) this.#lastAsExpectedMs = Math.max(this.#lastAsExpectedMs, s.sentMs);
      else this.#lastOtherMs = Math.max(this.#lastOtherMs, s.sentMs);
    }
  }

  /** From now on only requests sent after this time count. */
  expect(expected: Expected, sinceUnixMs: number): void {
    this.#expected = expected;
    this.#sinceMs = this.stream.prober.onClock(sinceUnixMs);
    this.#lastAsExpectedMs = Number.NEGATIVE_INFINITY;
    this.#lastOtherMs = Number.NEGATIVE_INFINITY;
  }

  /** For how long every request went as expected, so far. */
  get asExpectedMs(): number {
    return this.#lastAsExpectedMs - Math.max(this.#lastOtherMs, this.#sinceMs);
  }
}

/** A client on every node of a cluster, each asking one or more targets at a fixed interval. */
export class NodeTraffic implements AsyncDisposable {
  readonly flows: readonly Flow[];
  readonly #probers: readonly Prober[];
  readonly #options: NodeTrafficOptions;

  private constructor(options: NodeTrafficOptions, probers: readonly Prober[], flows: readonly Flow[]) {
    this.#options = options;
    this.#probers = probers;
    this.flows = flows;
  }

  /** Throws `probe-failed` if a node of the cluster has no client. */
  static async start(options: NodeTrafficOptions): Promise<NodeTraffic> {
    const { cluster, signal, without = [] } = options;
    const vantages = await vantagesOf(cluster.kube, options.namespace);
    const nodes = (await cluster.nodes()).map((n) => n.name).filter((n) => !without.includes(n));
    const probers: Prober[] = [];
    const flows: Flow[] = [];
    try {
      for (const [i, node] of nodes.entries()) {
        const vantage = found(
          vantages.find((v) => v.node === node),
          `ready prober pod on node ${node} of ${cluster.name}`,
          "probe-failed",
        );
        let prober: Prober | undefined;
        const own = options
          .targets(i)
          .map(
            (target, k) => new Flow(vantage, target, () => found(prober, `prober on ${node}`).streamAt(k)),
          );
        prober = await Prober.start(
          { cluster, vantage },
          own.map((flow) => streamOf(flow, options)),
          signal,
        );
        probers.push(prober);
        flows.push(...own);
      }
      if (flows.length === 0)
        throw new MeshproofError("probe-failed", `no node of ${cluster.name} has a client`);
      return new NodeTraffic(options, probers, flows);
    } catch (error) {
      for (const p of probers) await p[Symbol.asyncDispose]();
      throw error;
    }
  }

  get timeoutMs(): number {
    return this.#options.timeoutMs;
  }

  mark(name: string, atUnixMs: number): void {
    for (const p of this.#probers) p.mark(name, atUnixMs);
  }

  get probers(): readonly Reporting[] {
    return this.#probers;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#probers.map((p) => p.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const p of this.#probers) await p[Symbol.asyncDispose]();
  }
}

function streamOf(flow: Flow, options: NodeTrafficOptions) {
  const { target } = flow;
  const title = `${target.name}, from ${flow.at}`;
  return {
    title,
    host: target.host,
    port: target.port,
    ...(target.path === undefined ? {} : { path: target.path }),
    everyMs: options.everyMs,
    timeoutMs: options.timeoutMs,
    clusterOf: options.clusterOf,
    file: options.historyFile(title),
    onSamples: (samples: readonly Sample[]) => flow.take(samples),
  };
}

export interface TrafficsOptions {
  readonly mesh: Mesh;
  /** The backends: in a tuned lab their processes run in real time. */
  readonly echo: readonly EchoBackends[];
  readonly signal: AbortSignal;
}

/** Traffic of several clusters at once, with the waits of measurements. */
export class Traffics implements AsyncDisposable {
  readonly #all: readonly NodeTraffic[];
  readonly #open: AsyncDisposableStack;
  readonly #signal: AbortSignal;

  private constructor(all: readonly NodeTraffic[], open: AsyncDisposableStack, signal: AbortSignal) {
    this.#all = all;
    this.#open = open;
    this.#signal = signal;
  }

  static async start(
    options: readonly NodeTrafficOptions[],
    { mesh, echo, signal }: TrafficsOptions,
  ): Promise<Traffics> {
    await using open = new AsyncDisposableStack();
    const pods = echo.flatMap((e) => e.backendPods);
    if (mesh.state.plan.tuning === "tuned") open.use(await FirstBackends.start(pods, { signal }));
    const all: NodeTraffic[] = [];
    for (const o of options) all.push(open.use(await NodeTraffic.start(o)));
    return new Traffics(all, open.move(), signal);
  }

  get flows(): readonly Flow[] {
    return this.#all.flatMap((t) => t.flows);
  }

  /** The flows to a target, from every node. */
  to(name: string): readonly Flow[] {
    return this.flows.filter((f) => f.target.name === name);
  }

  mark(name: string, atUnixMs: number): void {
    for (const t of this.#all) t.mark(name, atUnixMs);
  }

  /**
   * Waits until every request of these flows that was sent after `sinceUnixMs` has gone as expected for `quietMs`.
   * Returns the flows that did not in time, since that is a figure and not an error; throws if a prober falls silent.
   */
  async goAs(
    flows: readonly Flow[],
    expected: (flow: Flow) => Expected,
    wait: { readonly sinceUnixMs: number; readonly quietMs: number; readonly withinMs: number },
  ): Promise<readonly Flow[]> {
    // A lost request is known only after its timeout.
    const quietMs = wait.quietMs + Math.max(...this.#all.map((t) => t.timeoutMs));
    for (const flow of flows) flow.expect(expected(flow), wait.sinceUnixMs);
    const open = (): Flow[] => flows.filter((f) => f.asExpectedMs < quietMs);
    const isInTime = await inTime(
      this.#all.flatMap((t) => t.probers),
      () => {
        const left = open();
        return left.length === 0 ? ready(true) : notYet(left.map((f) => f.at).join(", "));
      },
      {
        what: "requests to go as expected",
        withinMs: wait.withinMs + quietMs,
        everyMs: 20,
        signal: this.#signal,
      },
    );
    // What happened between the last look and now came too late.
    const left = open();
    return isInTime ? [] : left.length > 0 ? left : flows;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((t) => t.stop()));
  }

  /** The histories of all flows; the probers must have stopped. */
  async histories(): Promise<ReadonlyMap<Flow, History>> {
    const read = new Map<Flow, History>();
    for (const flow of this.flows) read.set(flow, await flow.stream.history());
    return read;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open.disposeAsync();
  }
}

/** Whether something happened before its deadline; any other error than a missed deadline is thrown. */
async function inTime(...wait: Parameters<typeof eventuallyReported<true>>): Promise<boolean> {
  try {
    return await eventuallyReported(...wait);
  } catch (error) {
    if (missedDeadline(error)) return false;
    throw error;
  }
}

/** For messages: the vantage point, the client and what it asks. */
export const described = (flow: Flow): string =>
  `${flow.at}, client ${flow.client} -> ${flow.target.name} (${flow.target.host}:${flow.target.port})`;

/** Answered by one of these pods; with none: not answered at all. */
export const byPods =
  (pods: readonly string[]): Expected =>
  (s) =>
    pods.length === 0
      ? s.outcome !== "ok" && s.outcome !== "wrong-backend"
      : s.outcome === "ok" && s.servedBy !== undefined && pods.includes(s.servedBy);
