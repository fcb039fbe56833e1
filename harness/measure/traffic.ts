import type { Cluster } from "#harness/cluster/cluster.ts";
import { found } from "#harness/lib/found.ts";
import type { Connection } from "#harness/model/history.ts";
import { Prober, type Stream, type StreamOptions } from "#harness/probe/driver.ts";
import { heartbeatServicePort } from "#harness/workloads/echo.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { type Vantage, vantagesOf } from "#harness/workloads/vantage.ts";

export interface TrafficOptions {
  readonly clusters: readonly Cluster[];
  /** The cluster whose clients the main figures describe. */
  readonly client: Cluster;
  readonly echo: EchoBackends;
  readonly service: string;
  /** A container outside all clusters; without one there is no traffic from outside. */
  readonly outside?: string;
  /** Nodes that the fault takes down: no client runs on them or connects through them. */
  readonly lostNodes: readonly string[];
  readonly mainEveryMs: number;
  readonly otherEveryMs: number;
  readonly timeoutMs: number;
  readonly settleMs: number;
  readonly historyFile: (title: string) => string;
  readonly signal: AbortSignal;
}

/** A stream and the cluster of its service address. */
export interface Requested {
  readonly stream: Stream;
  readonly cluster: string;
}

/** A prober, and the cluster that each of its streams targets. */
interface Point {
  readonly prober: Prober;
  readonly sourceClusters: readonly string[];
}

const kept: readonly Connection[] = ["reused", "tcp", "udp"];

/**
 * Clients of a service at every vantage point at the same time: a pod on every node of every cluster, and outside
 * through the LoadBalancer address and the NodePort of each node. The main one sends the most requests, and keeps
 * connections open too.
 */
export class Traffic implements AsyncDisposable {
  readonly probers: readonly Prober[];
  readonly main: Stream;
  readonly mainVantage: Vantage;
  readonly clusterIp: string;
  /** New connections, the main stream first. */
  readonly requested: readonly Requested[];
  /** Connections that stay open, at the main vantage point. */
  readonly kept: readonly Stream[];

  private constructor(main: Prober, mainVantage: Vantage, clusterIp: string, points: readonly Point[]) {
    this.probers = points.map(({ prober }) => prober);
    this.mainVantage = mainVantage;
    this.clusterIp = clusterIp;
    this.main = main.streamAt(0);
    this.requested = points.flatMap(({ prober, sourceClusters }) =>
      sourceClusters
        .map((cluster, i) => ({ stream: prober.streamAt(i), cluster }))
        .filter(({ stream }) => (stream.options.connection ?? "new") === "new"),
    );
    this.kept = main.streams.slice(1);
  }

  static async start(options: TrafficOptions): Promise<Traffic> {
    const { client, echo, service, signal, otherEveryMs } = options;
    const usable = async (cluster: Cluster): Promise<Vantage[]> =>
      (await vantagesOf(cluster.kube)).filter((v) => !options.lostNodes.includes(v.node));
    const usableByClient = await usable(client);
    const mainVantage = found(
      usableByClient.at(-1),
      `ready prober pod in ${client.name} on a node that stays`,
      "probe-failed",
    );
    const clusterIp = await echo.clusterIp(client, service);
    const stream = (title: string, host: string, port: number, everyMs: number): StreamOptions => ({
      title,
      host,
      port,
      everyMs,
      timeoutMs: options.timeoutMs,
      clusterOf: echo.clusterOf,
      file: options.historyFile(title),
    });
    const started: Point[] = [];
    try {
      const main = await Prober.start(
        { cluster: client, vantage: mainVantage },
        [
          stream(`ClusterIP of ${client.name}, from a pod`, clusterIp, 80, options.mainEveryMs),
          ...kept.map((connection) => ({
            ...stream(
              `${connection} connection to the ClusterIP of ${client.name}, from a pod`,
              clusterIp,
              connection === "reused" ? 80 : heartbeatServicePort,
              otherEveryMs,
            ),
            connection,
          })),
        ],
        signal,
      );
      started.push({ prober: main, sourceClusters: main.streams.map(() => client.name) });
      for (const cluster of options.clusters) {
        const host = await echo.clusterIp(cluster, service);
        for (const vantage of await usable(cluster)) {
          if (vantage.pod === mainVantage.pod) continue;
          const title = `ClusterIP of ${cluster.name}, from a pod on ${vantage.node}`;
          const one = [stream(title, host, 80, otherEveryMs)];
          const prober = await Prober.start({ cluster, vantage }, one, signal);
          started.push({ prober, sourceClusters: [cluster.name] });
        }
      }
      if (options.outside === undefined) return new Traffic(main, mainVantage, clusterIp, started);
      const outside: StreamOptions[] = [];
      const outsideClusters: string[] = [];
      if ((await echo.service(client, service)).spec.type === "LoadBalancer") {
        outside.push(
          stream(
            `LoadBalancer of ${client.name}, from outside`,
            await echo.loadBalancerIp(client, service, options.settleMs, signal),
            80,
            otherEveryMs,
          ),
        );
        outsideClusters.push(client.name);
      }
      for (const cluster of options.clusters) {
        const port = await echo.nodePort(cluster, service);
        for (const node of await cluster.nodes()) {
          if (options.lostNodes.includes(node.name)) continue;
          outside.push(
            stream(
              `NodePort of ${cluster.name} on ${node.name}, from outside`,
              node.address,
              port,
              otherEveryMs,
            ),
          );
          outsideClusters.push(cluster.name);
        }
      }
      const prober = await Prober.start({ container: options.outside }, outside, signal);
      started.push({ prober, sourceClusters: outsideClusters });
      return new Traffic(main, mainVantage, clusterIp, started);
    } catch (error) {
      for (const { prober } of started) await prober[Symbol.asyncDispose]();
      throw error;
    }
  }

  mark(name: string, atUnixMs: number): void {
    for (const prober of this.probers) prober.mark(name, atUnixMs);
  }

  async stop(): Promise<void> {
    await Promise.all(this.probers.map((p) => p.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const prober of this.probers) await prober[Symbol.asyncDispose]();
  }
}
