import type { Cluster } from "#harness/cluster/cluster.ts";
import { disruptionOf } from "#harness/judge/disruption.ts";
import { measuredMsOf } from "#harness/judge/measured-time.ts";
import { type RigThresholds, rigFacts, rigTroubles } from "#harness/judge/rig.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import type { Disruption, MeshEvent } from "#harness/model/certificate.ts";
import type { Connection, Sample } from "#harness/model/history.ts";
import { SampleColumns } from "#harness/model/sample-columns.ts";
import { type ProbeFrom, Prober, type Stream, type StreamOptions } from "#harness/probe/driver.ts";
import { echoHttpPort, heartbeatServicePort } from "#harness/workloads/echo.ts";
import {
  type StandingWorkload,
  standingNamespace,
  standingServices,
} from "#harness/workloads/standing-workload.ts";
import { vantagesOf } from "#harness/workloads/vantage.ts";

export interface StandingTrafficOptions {
  readonly clusters: readonly Cluster[];
  readonly workload: StandingWorkload;
  /** A container outside all clusters. */
  readonly outside: string;
  readonly settleMs: number;
  readonly rig: RigThresholds;
  readonly historyFile: (title: string) => string;
  readonly signal: AbortSignal;
}

/** Interval of the requests over each kind of connection. */
const everyMsOf: Readonly<Record<Connection, number>> = {
  new: 50,
  reused: 200,
  tcp: 200,
  udp: 200,
  dns: 200,
};
/** Larger interval, because there are many paths from outside and from allowed clients. */
const manyEveryMs = 200;
/** Twice the interval to the other side: an upgrade is more likely to break traffic between clusters. */
const ownEveryMs = 100;
/** The traffic runs for an hour beside the suites, and must not disturb them. */
const controlEveryMs = 200;
const timeoutMs = 1000;

/** A stream that keeps running, with all its samples so far. */
interface Standing {
  readonly path: string;
  readonly prober: Prober;
  readonly stream: Stream;
  readonly samples: SampleColumns;
  readonly control: SampleColumns;
}

interface Expected {
  readonly path: string;
  readonly host: string;
  readonly port: number;
  readonly connection?: Connection;
  readonly everyMs?: number;
  readonly clusterOf: (servedBy: string) => string | undefined;
}

/**
 * Traffic that runs through a whole certification: from every cluster to its own backends and to the others', over
 * new and kept connections, UDP and DNS; from outside through LoadBalancer and NodePort; from allowed clients, and
 * from denied clients that policy must block.
 */
export class StandingTraffic implements AsyncDisposable {
  readonly #allowed: Standing[] = [];
  readonly #denied: Standing[] = [];
  readonly #options: StandingTrafficOptions;

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
    const { clusters, workload, outside, settleMs, signal } = this.#options;
    const { echo, protectedServers } = workload;
    const services: Expected[] = [];
    for (const cluster of clusters) {
      const local = await echo.clusterIp(cluster, standingServices.local);
      const remote = await echo.clusterIp(cluster, standingServices.remote);
      const across = { host: remote, clusterOf: echo.clusterOf };
      const vantage = found(
        (await vantagesOf(cluster.kube)).at(-1),
        `ready prober pod in ${cluster.name}`,
        "probe-failed",
      );
      await this.#ask(this.#allowed, { cluster, vantage }, [
        {
          path: `${cluster.name}: pod to own backends by ClusterIP`,
          host: local,
          port: 80,
          everyMs: ownEveryMs,
          clusterOf: echo.clusterOf,
        },
        { ...across, path: `${cluster.name}: pod to the other side by ClusterIP`, port: 80 },
        ...(
          [
            ["reused", 80, "HTTP keep-alive"],
            ["tcp", heartbeatServicePort, "a kept TCP connection"],
            ["udp", heartbeatServicePort, "a UDP flow"],
          ] as const
        ).map(([connection, port, over]) => ({
          ...across,
          path: `${cluster.name}: pod to the other side over ${over}`,
          port,
          connection,
        })),
        {
          path: `${cluster.name}: names`,
          host: `${standingServices.remote}.${standingNamespace}.svc.cluster.local`,
          port: 53,
          connection: "dns",
          clusterOf: (address) => (address === remote ? cluster.name : undefined),
        },
      ]);
      const { address: node } = found((await cluster.nodes()).at(-1), `node in cluster ${cluster.name}`);
      for (const [service, to] of [
        [standingServices.local, "own backends"],
        [standingServices.remote, "the other side"],
      ] as const) {
        const common = { everyMs: manyEveryMs, clusterOf: echo.clusterOf };
        services.push(
          {
            ...common,
            path: `outside to ${to} by the LoadBalancer of ${cluster.name}`,
            host: await echo.loadBalancerIp(cluster, service, settleMs, signal),
            port: 80,
          },
          {
            ...common,
            path: `outside to ${to} by a NodePort of ${cluster.name}`,
            host: node,
            port: await echo.nodePort(cluster, service),
          },
        );
      }
    }
    await this.#ask(this.#allowed, { container: outside }, services);
    for (const { cluster, allowed, denied } of protectedServers) {
      const servers = (who: string, everyMs: number): Expected[] =>
        protectedServers.map((g) => ({
          path: `${cluster.name}/${who} to ${g.cluster.name}/server`,
          host: g.server.ip,
          port: echoHttpPort,
          everyMs,
          clusterOf: (pod) => (pod === "server" ? g.cluster.name : undefined),
        }));
      await this.#ask(this.#allowed, { cluster, vantage: allowed }, servers("allowed", manyEveryMs));
      await this.#ask(this.#denied, { cluster, vantage: denied }, servers("denied", everyMsOf.new));
    }
  }

  async #ask(list: Standing[], from: ProbeFrom, expected: readonly Expected[]): Promise<void> {
    const made = expected.map((w) => ({ ...w, samples: new SampleColumns(), control: new SampleColumns() }));
    const prober = await Prober.start(
      from,
      made.map(
        (w): StreamOptions => ({
          title: w.path,
          host: w.host,
          port: w.port,
          everyMs: w.everyMs ?? everyMsOf[w.connection ?? "new"],
          timeoutMs,
          ...(w.connection === undefined ? {} : { connection: w.connection }),
          clusterOf: w.clusterOf,
          file: this.#options.historyFile(w.path),
          onSamples: (samples, control) => {
            for (const s of samples) w.samples.add(s);
            for (const s of control) w.control.add(s);
          },
        }),
      ),
      this.#options.signal,
      { controlEveryMs },
    );
    for (const [i, { path, samples, control }] of made.entries())
      list.push({ path, prober, stream: prober.streamAt(i), samples, control });
  }

  /** Ends when every path that must work has worked for a second, whichever cluster answers. */
  async settled(): Promise<void> {
    for (const { stream } of this.#allowed)
      await stream.settled({ withinMs: this.#options.settleMs, quietMs: 2000 });
  }

  /** Sets the probe-interval factor of the allowed paths; denied clients keep their interval. */
  setIntervalFactor(factor: number): void {
    for (const prober of new Set(this.#allowed.map((s) => s.prober))) prober.setIntervalFactor(factor);
  }

  /** The paths of denied clients that received a response since a time. */
  answeredDenied(sinceUnixMs: number): string[] {
    return this.#denied
      .filter((d) => count(d, sinceUnixMs, Number.POSITIVE_INFINITY, (s) => s.outcome === "ok") > 0)
      .map((d) => d.path);
  }

  /** The number of requests that denied clients sent in an interval. */
  deniedSent(sinceUnixMs: number, untilUnixMs: number): number {
    return this.#denied.reduce((sum, d) => sum + count(d, sinceUnixMs, untilUnixMs, () => true), 0);
  }

  disruptions(sinceUnixMs: number, untilUnixMs: number, events: readonly MeshEvent[]): Disruption[] {
    return this.#allowed.map(({ path, prober, stream, samples }) =>
      disruptionOf(
        {
          path,
          connection: stream.options.connection ?? "new",
          startedAtUnixMs: prober.startedAtUnixMs,
          everyMs: stream.options.everyMs,
          samples,
        },
        sinceUnixMs,
        untilUnixMs,
        events,
      ),
    );
  }

  /** How much of an interval every path measured: the least of all of them. */
  measuredMs(sinceUnixMs: number, untilUnixMs: number): number {
    const all = [...this.#allowed, ...this.#denied].map(({ prober, stream, samples }) =>
      measuredMsOf({
        samples,
        sinceMs: sinceUnixMs - prober.startedAtUnixMs,
        untilMs: untilUnixMs - prober.startedAtUnixMs,
        everyMs: stream.options.everyMs,
      }),
    );
    return all.length === 0 ? 0 : Math.min(...all);
  }

  /** Trouble of the probers in an interval: then their losses are not the mesh's. */
  rigTroubles(sinceUnixMs: number, untilUnixMs: number): string[] {
    const seen = new Set<Prober>();
    return [...this.#allowed, ...this.#denied].flatMap((standing) => {
      const { prober } = standing;
      if (seen.has(prober)) return [];
      seen.add(prober);
      const inside = (columns: SampleColumns): Sample[] =>
        [...columns].filter((s) => {
          const at = s.dueMs + prober.startedAtUnixMs;
          return at >= sinceUnixMs && at < untilUnixMs;
        });
      const samples = inside(standing.samples);
      const control = inside(standing.control);
      const facts = rigFacts({ samples, control }, 0);
      const silent: string[] = [];
      try {
        prober.assertAlive();
      } catch (error) {
        silent.push(messageOf(error));
      }
      return [...silent, ...rigTroubles(prober.vantage, facts, this.#options.rig)];
    });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#probers()].map((p) => p.stop()));
  }

  *#probers(): Iterable<Prober> {
    yield* new Set([...this.#allowed, ...this.#denied].map((s) => s.prober));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const prober of this.#probers()) await prober[Symbol.asyncDispose]();
  }
}

function count(
  { samples, prober }: Standing,
  sinceUnixMs: number,
  untilUnixMs: number,
  counts: (s: Sample) => boolean,
): number {
  let n = 0;
  for (const s of samples) {
    const at = s.sentMs + prober.startedAtUnixMs;
    if (at >= sinceUnixMs && at < untilUnixMs && counts(s)) n += 1;
  }
  return n;
}
