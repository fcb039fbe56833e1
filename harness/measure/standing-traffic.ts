import {
  type ControlLosses,
  controlLosses,
  disruptionOf,
  type StandingStream,
} from "#harness/judge/disruption.ts";
import { measuredMsOf } from "#harness/judge/measured-time.ts";
import { type RigThresholds, rigFacts, rigTroubles } from "#harness/judge/rig.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import type { Disruption, MeshEvent } from "#harness/model/certificate.ts";
import type { Sample } from "#harness/model/history.ts";
import { SampleColumns } from "#harness/model/sample-columns.ts";
import { type ProbeFrom, Prober, type Stream, type StreamOptions } from "#harness/probe/driver.ts";
import type { StandingWorkload } from "#harness/workloads/standing-workload.ts";
import { type Vantage, vantagesOf } from "#harness/workloads/vantage.ts";
import type { PlannedTraffic } from "./plan-traffic.ts";
import { type DeniedPath, ownPodPath, type Sender, type StandingPath } from "./standing-paths.ts";

export interface StandingTrafficOptions {
  readonly workload: StandingWorkload;
  readonly planned: PlannedTraffic;
  /** A container outside all clusters. */
  readonly outside: string;
  readonly settleMs: number;
  readonly rig: RigThresholds;
  readonly historyFile: (title: string) => string;
  /** The node of a pod that answers. */
  readonly nodeOf: (pod: string) => string | undefined;
  readonly signal: AbortSignal;
}

/** Of the requests to the prober's own loopback. */
const controlEveryMs = 250;
/** A request that is not answered by then is lost: a window's losses are known this long after its end. */
export const requestTimeoutMs = 1000;

/** A path that keeps being asked, with all its samples so far. */
interface Standing<Path extends StandingPath = StandingPath> {
  readonly path: Path;
  readonly prober: Prober;
  readonly stream: Stream;
  /** The node of the client. */
  readonly client: string;
  readonly samples: SampleColumns;
}

interface StandingProber {
  readonly prober: Prober;
  /** The requests of its first path, and those to its own loopback: they show trouble of the test machine. */
  readonly samples: SampleColumns;
  readonly control: SampleColumns;
}

/**
 * Traffic at a constant rate through a whole certification: from every cluster to its own backends and to the others',
 * over new and kept connections, UDP and DNS, by names of headless and imported services; from outside through
 * LoadBalancer and NodePort; from clients that policies of every kind allow, and from those that they must block.
 */
export class StandingTraffic implements AsyncDisposable {
  readonly #allowed: Standing[] = [];
  readonly #denied: Standing<DeniedPath>[] = [];
  readonly #probers: StandingProber[] = [];
  readonly #options: StandingTrafficOptions;
  #control: Standing | undefined;

  private constructor(options: StandingTrafficOptions) {
    this.#options = options;
  }

  static async start(options: StandingTrafficOptions): Promise<StandingTraffic> {
    const traffic = new StandingTraffic(options);
    try {
      await traffic.#start();
    } catch (error) {
      await traffic[Symbol.asyncDispose]();
      throw error;
    }
    return traffic;
  }

  async #start(): Promise<void> {
    const { allowed, denied, control } = this.#options.planned;
    for (const [name, paths] of Map.groupBy([...allowed, control], senderOf)) {
      const started = await this.#ask(name, paths);
      this.#allowed.push(...started.filter((s) => s.path !== control));
      this.#control = started.find((s) => s.path === control) ?? this.#control;
    }
    for (const [name, paths] of Map.groupBy(denied, senderOf))
      this.#denied.push(...(await this.#ask(`${name}, denied`, paths)));
  }

  /** One prober, which sends the requests of all paths of one sender. */
  async #ask<P extends StandingPath>(name: string, paths: readonly P[]): Promise<Standing<P>[]> {
    const sender = found(paths[0], `path of ${name}`).from;
    const { from, client } = await this.#senderAt(sender);
    const made = paths.map((path) => ({ path, samples: new SampleColumns() }));
    const control = new SampleColumns();
    const prober = await Prober.start(
      from,
      made.map(({ path, samples }, i): StreamOptions => {
        const { host, port, everyMs, connection, dnsServer, clusterOf } = path;
        const token = "token" in path && typeof path.token === "string" ? { token: path.token } : {};
        return {
          ...{ title: path.path, host, port, everyMs, connection, clusterOf, ...token },
          ...(dnsServer === undefined ? {} : { dnsServer }),
          timeoutMs: requestTimeoutMs,
          file: this.#options.historyFile(path.path),
          onSamples: (fresh, ofProber) => {
            for (const s of fresh) samples.add(s);
            // Every path of a prober receives them.
            if (i === 0) for (const s of ofProber) control.add(s);
          },
        };
      }),
      this.#options.signal,
      { controlEveryMs },
    );
    const first = found(made[0], `path of ${name}`);
    this.#probers.push({ prober, samples: first.samples, control });
    return made.map(({ path, samples }, i) => ({
      path,
      prober,
      stream: prober.streamAt(i),
      client,
      samples,
    }));
  }

  async #senderAt(sender: Sender): Promise<{ readonly from: ProbeFrom; readonly client: string }> {
    if (sender.cluster === undefined)
      return { from: { container: this.#options.outside }, client: "outside" };
    const { cluster, clients } = found(
      this.#options.workload.clusters.find((c) => c.cluster.name === sender.cluster),
      `cluster ${sender.cluster} of the traffic`,
    );
    const vantage: Vantage =
      sender.pod === "vantage"
        ? found(
            (await vantagesOf(cluster.kube)).at(-1),
            `ready prober pod in ${cluster.name}`,
            "probe-failed",
          )
        : clients[sender.pod];
    return { from: { cluster, vantage }, client: vantage.node };
  }

  /**
   * Ends when every path that must work has worked for two seconds, whichever cluster answers. Except at first, paths of
   * policies without a cluster label are not waited for: a change of their meaning closes them for good.
   */
  async settled({ first = false }: { readonly first?: boolean } = {}): Promise<void> {
    for (const { path, stream } of this.#allowed)
      if (first || path.decidedBy === undefined)
        await stream.settled({ withinMs: this.#options.settleMs, quietMs: 2000 });
  }

  /** Sets the probe-interval factor of the allowed paths; denied clients keep their interval. */
  setIntervalFactor(factor: number): void {
    for (const prober of new Set(this.#allowed.map((s) => s.prober))) prober.setIntervalFactor(factor);
  }

  /** The paths of denied flows that received a response since a time. */
  answeredDenied(sinceUnixMs: number): string[] {
    return this.#denied
      .filter((d) => count(d, sinceUnixMs, Number.POSITIVE_INFINITY, (s) => s.outcome === "ok") > 0)
      .map((d) => d.path.path);
  }

  /** The number of requests that policies had to block in an interval. */
  deniedSent(sinceUnixMs: number, untilUnixMs: number): number {
    return this.#denied.reduce((sum, d) => sum + count(d, sinceUnixMs, untilUnixMs, () => true), 0);
  }

  /** The paths of denied flows on which nothing was sent in an interval: there a leak could not be seen. */
  deniedSilent(sinceUnixMs: number, untilUnixMs: number): string[] {
    return this.#denied
      .filter((d) => count(d, sinceUnixMs, untilUnixMs, () => true) === 0)
      .map((d) => d.path.path);
  }

  /**
   * What every path lost in an interval, attributed to the events that lead to it (`MeshEvents.leadingTo`). Its last
   * requests are known `requestTimeoutMs` after its end.
   */
  disruptions(sinceUnixMs: number, untilUnixMs: number, events: readonly MeshEvent[]): Disruption[] {
    const { nodeOf } = this.#options;
    const controls = this.#controls(sinceUnixMs, untilUnixMs);
    return this.#allowed.map((s) =>
      disruptionOf(
        { ...streamOf(s, sinceUnixMs), nodeOf: (pod) => s.path.node ?? nodeOf(pod), controls },
        sinceUnixMs,
        untilUnixMs,
        events,
      ),
    );
  }

  /** The losses of the paths with no mesh in them. */
  #controls(sinceUnixMs: number, untilUnixMs: number): ControlLosses[] {
    const own = this.#options.workload.clusters.flatMap(({ cluster: { name } }) => {
      const at = this.#allowed.find((s) => s.path.path === ownPodPath(name));
      return at === undefined ? [] : [{ at, cluster: name }];
    });
    const machine = this.#control === undefined ? [] : [{ at: this.#control, cluster: undefined }];
    return [...machine, ...own].map(({ at, cluster }) =>
      controlLosses(
        { ...streamOf(at, sinceUnixMs), ...(cluster === undefined ? {} : { cluster }) },
        sinceUnixMs,
        untilUnixMs,
      ),
    );
  }

  /** How much of an interval every path measured: the least of all of them. */
  measuredMs(sinceUnixMs: number, untilUnixMs: number): number {
    const all = [...this.#allowed, ...this.#denied].map(({ prober, stream, samples }) =>
      measuredMsOf({
        samples: samples.sentSince(prober.onClock(sinceUnixMs)),
        sinceMs: prober.onClock(sinceUnixMs),
        untilMs: prober.onClock(untilUnixMs),
        everyMs: stream.options.everyMs,
      }),
    );
    return all.length === 0 ? 0 : Math.min(...all);
  }

  /** Trouble of the test machine in an interval: then losses are not the mesh's. */
  rigTroubles(sinceUnixMs: number, untilUnixMs: number): string[] {
    return [
      ...this.#probers.flatMap((p) => this.#troublesOf(p, sinceUnixMs, untilUnixMs)),
      ...this.#machineTroubles(sinceUnixMs, untilUnixMs),
    ];
  }

  #troublesOf(standing: StandingProber, sinceUnixMs: number, untilUnixMs: number): string[] {
    const { prober } = standing;
    const since = prober.onClock(sinceUnixMs);
    const until = prober.onClock(untilUnixMs);
    const inside = (columns: SampleColumns): Sample[] =>
      [...columns.sentSince(since)].filter((s) => s.dueMs >= since && s.dueMs < until);
    const facts = rigFacts({ samples: inside(standing.samples), control: inside(standing.control) }, 0);
    const silent: string[] = [];
    try {
      prober.assertAlive();
    } catch (error) {
      silent.push(messageOf(error));
    }
    return [...silent, ...rigTroubles(prober.vantage, facts, this.#options.rig)];
  }

  /** No policy, no Cilium and no mesh is between two containers of the host. */
  #machineTroubles(sinceUnixMs: number, untilUnixMs: number): string[] {
    const control = found(this.#control, "path between two containers outside all clusters");
    const { path, sent, lost } = controlLosses(streamOf(control, sinceUnixMs), sinceUnixMs, untilUnixMs);
    if (sent === 0) return [`nothing was sent ${path}`];
    return lost === 0 ? [] : [`${lost} of ${sent} datagrams ${path} were lost`];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#probers.map(({ prober }) => prober.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { prober } of this.#probers) await prober[Symbol.asyncDispose]();
  }
}

const senderOf = ({ from }: StandingPath): string =>
  from.cluster === undefined ? "outside" : `${from.cluster}/${from.pod}`;

function streamOf({ path, prober, client, samples }: Standing, sinceUnixMs: number): StandingStream {
  const { group, connection, everyMs, clusters, decidedBy, node } = path;
  return {
    path: path.path,
    ...{ group, connection, everyMs, clusters, client },
    ...(decidedBy === undefined ? {} : { decidedBy }),
    ...(node === undefined ? {} : { server: node }),
    startedAtUnixMs: prober.startedAtUnixMs,
    samples: samples.since(prober.onClock(sinceUnixMs)),
  };
}

function count(
  { samples, prober }: Standing,
  sinceUnixMs: number,
  untilUnixMs: number,
  counts: (s: Sample) => boolean,
): number {
  const since = prober.onClock(sinceUnixMs);
  const until = prober.onClock(untilUnixMs);
  let n = 0;
  for (const s of samples.sentSince(since)) if (s.sentMs < until && counts(s)) n += 1;
  return n;
}
