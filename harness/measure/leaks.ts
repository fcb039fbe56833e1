import { readFile } from "node:fs/promises";
import type { KindCluster } from "#harness/cluster/kind/kind-cluster.ts";
import type { KindNode } from "#harness/cluster/kind/kind-node.ts";
import { podProcess } from "#harness/cluster/kind/node-control.ts";
import { onNode } from "#harness/cluster/node.ts";
import { eventBefore } from "#harness/judge/disruption.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import type { Leak, MeshEvent } from "#harness/model/certificate.ts";
import { type LeakPacket, leakPacketSchema } from "#harness/model/leak-packet.ts";
import { execLines } from "#harness/platform/docker.ts";
import { appendToReportNow } from "#harness/platform/report-files.ts";
import type { StandingCluster } from "#harness/workloads/standing-workload.ts";
import {
  type CaptureCounters,
  type CapturePlace,
  captureCommand,
  captureFilter,
  dropsIn,
  endsOf,
  leakCapture,
  readCounters,
  readPacket,
  readPid,
} from "./capture.ts";
import type { DeniedPath } from "./standing-paths.ts";

/** How long a capture may take to report its counters. */
const countersMs = 5000;

function leaksOf(packets: readonly LeakPacket[], sinceUnixMs: number): Leak[] {
  const pairs = Map.groupBy(packets, pairOf);
  return [...pairs].map(([pair, own]) => {
    const first = found(own[0], `packet ${pair}`);
    const last = own.at(-1) ?? first;
    return {
      afterMs: Math.round(first.atUnixMs - sinceUnixMs),
      from: first.from,
      to: first.to,
      packets: own.length,
      spanMs: Math.round(last.atUnixMs - first.atUnixMs),
    };
  });
}

const pairOf = ({ from, to }: Pick<LeakPacket, "from" | "to">): string => `${from} -> ${to}`;

/** The leaks since a time in the file of a killed harness, without an incomplete last line. */
export async function keptLeaks(file: string, sinceUnixMs: number): Promise<Leak[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  const packets = text.split("\n").flatMap((line) => {
    try {
      return [leakPacketSchema.parse(JSON.parse(line))];
    } catch {
      return [];
    }
  });
  return leaksOf(
    packets.filter((p) => p.atUnixMs >= sinceUnixMs),
    sinceUnixMs,
  );
}

/** One running capture. */
interface Tap {
  /** `west/server`, or `the node of east/egress`. */
  readonly name: string;
  readonly node: KindNode;
  readonly place: CapturePlace;
  readonly kill: () => void;
  pid: number | undefined;
  /** The last that it reported, and how many reports there were. */
  counters: CaptureCounters | undefined;
  reports: number;
  /** Its drops up to the end of the last window. */
  countedDrops: number;
}

/**
 * Captures every packet of a denied flow that gets past a policy: at the server's own interface, behind the policy of
 * its cluster, or on the client's node where the server is outside. Unlike a sample, a capture misses none, unless it
 * drops some: it is asked at the end of each window.
 */
export class LeakWatch implements AsyncDisposable {
  readonly #packets: LeakPacket[] = [];
  readonly #ended: string[] = [];
  readonly #taps: Tap[] = [];
  #file: string | undefined;
  #closing = false;

  static async start(
    clusters: readonly StandingCluster[],
    flows: readonly DeniedPath[],
    signal: AbortSignal,
  ): Promise<LeakWatch> {
    const watch = new LeakWatch();
    try {
      await watch.#start(clusters, flows, signal);
    } catch (error) {
      await watch[Symbol.asyncDispose]();
      throw error;
    }
    return watch;
  }

  async #start(
    clusters: readonly StandingCluster[],
    flows: readonly DeniedPath[],
    signal: AbortSignal,
  ): Promise<void> {
    const names = namesOf(clusters);
    for (const [server, own] of Map.groupBy(flows, (f) => f.server)) {
      const { at } = found(own[0], `denied flow to ${server}`);
      const of = found(
        clusters.find((c) => c.cluster.name === at.cluster),
        `cluster ${at.cluster} of the traffic`,
      );
      const outside = at.role === "outside";
      const pod = at.role === "outside" ? of.clients.egress : of.servers[at.role];
      await this.#tap(of.cluster, { flows: own, names }, { server, pod, outside }, signal);
    }
  }

  async #tap(
    cluster: KindCluster,
    place: CapturePlace,
    at: {
      readonly server: string;
      readonly pod: { readonly node: string; readonly uid: string };
      readonly outside: boolean;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const node = cluster.node(at.pod.node);
    if ((await onNode(node, ["which", "tcpdump"], { tolerate: true, signal })).exitCode !== 0)
      throw new MeshproofError("machine-unfit", `node ${node.name} has no tcpdump, which captures leaks`, {
        remedy: "certify with --images source: those nodes have it",
      });
    const pid = at.outside ? undefined : await podProcess(node, at.pod.uid, signal);
    if (!at.outside && pid === undefined)
      throw new MeshproofError("lab-broken", `found no process of ${at.server} on ${node.name}`, {
        remedy: "run it again; `npm run mesh -- diagnose` reports the state of the pod",
      });
    const argv = captureCommand(captureFilter(place.flows, at.outside), { ...leakCapture, pid });
    let last = "";
    const capture = execLines(node.container, argv, (line) => {
      this.#read(tap, line);
      last = line;
    });
    const tap: Tap = {
      ...{ name: at.server, node, place, kill: capture.kill },
      ...{ pid: undefined, counters: undefined, reports: 0, countedDrops: 0 },
    };
    void capture.done.then(({ stderr }) => {
      if (!this.#closing)
        this.#ended.push(
          `the capture at ${tap.name} ended: ${`${stderr.trim()} ${last}`.trim().slice(-200)}`,
        );
    });
    this.#taps.push(tap);
  }

  #read(tap: Tap, line: string): void {
    const packet = readPacket(line);
    if (packet !== undefined) {
      this.#add({ atUnixMs: packet.atUnixMs, ...endsOf(packet, tap.place) });
      return;
    }
    tap.pid ??= readPid(line);
    const counters = readCounters(line);
    if (counters === undefined) return;
    tap.counters = counters;
    tap.reports += 1;
  }

  #add(packet: LeakPacket): void {
    this.#packets.push(packet);
    // Written immediately, so that a killed harness loses nothing.
    if (this.#file !== undefined) appendToReportNow(this.#file, `${JSON.stringify(packet)}\n`);
  }

  /** From now on every packet is a leak, and is written to a file too. */
  keepIn(file: string): void {
    this.#file = file;
  }

  /** The pairs with packets since a time. */
  seen(sinceUnixMs: number): ReadonlySet<string> {
    return new Set(this.#packets.filter((p) => p.atUnixMs >= sinceUnixMs).map(pairOf));
  }

  /**
   * The denied flows of which no packet was captured since a time. Without a policy there must be none, or a capture does
   * not work.
   */
  unseen(sinceUnixMs: number): string[] {
    const seen = this.seen(sinceUnixMs);
    return this.#taps.flatMap(({ place }) =>
      place.flows.map((f) => pairOf(expectedEnds(f))).filter((pair) => !hasPair(seen, pair)),
    );
  }

  /**
   * Ends a window: why its captures may have missed something. Each window has the packets that were dropped since the
   * end of the one before.
   */
  async endWindow(signal: AbortSignal): Promise<string[]> {
    const found = await Promise.all(this.#taps.map((tap) => this.#dropsOf(tap, signal)));
    return [...this.#ended, ...found.flat()];
  }

  async #dropsOf(tap: Tap, signal: AbortSignal): Promise<string[]> {
    const before = tap.reports;
    try {
      const pid = String(found(tap.pid, `process id of the capture at ${tap.name}`));
      await onNode(tap.node, ["kill", "-USR1", pid], { signal });
      await eventually(
        async () => (tap.reports > before ? ready(undefined) : notYet("no report of its counters")),
        { what: `the counters of the capture at ${tap.name}`, withinMs: countersMs, everyMs: 20, signal },
      );
    } catch (error) {
      if (signal.aborted) throw error;
      return [`the capture at ${tap.name} did not report its counters: ${messageOf(error)}`];
    }
    const { dropped } = found(tap.counters, `counters of the capture at ${tap.name}`);
    const lines = dropsIn(tap.name, tap.countedDrops, dropped);
    tap.countedDrops = dropped;
    return lines;
  }

  /** Leaks in an interval, one for each pair with its packets, attributed to the event before the first of them. */
  leaks(sinceUnixMs: number, untilUnixMs: number, events: readonly MeshEvent[] = []): Leak[] {
    return leaksOf(
      this.#packets.filter((p) => p.atUnixMs >= sinceUnixMs && p.atUnixMs < untilUnixMs),
      sinceUnixMs,
    ).map((leak) => {
      const flow = this.#taps
        .flatMap((t) => t.place.flows)
        .find((f) => hasPair(new Set([pairOf(leak)]), pairOf(expectedEnds(f))));
      const cause = eventBefore(endsOnly(flow), leak.afterMs, events);
      return cause === undefined ? leak : { ...leak, cause: cause.what };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    for (const { node, pid, kill } of this.#taps) {
      // tcpdump outlives the `docker exec` that started it.
      if (pid !== undefined)
        await onNode(node, ["kill", "-KILL", String(pid)], {
          tolerate: true,
          signal: AbortSignal.timeout(20_000),
        }).catch(() => undefined);
      kill();
    }
  }
}

/** The addresses of all clients. */
const namesOf = (clusters: readonly StandingCluster[]): ReadonlyMap<string, string> =>
  new Map(
    clusters.flatMap(({ clients }) =>
      Object.values(clients).flatMap(({ cluster, pod, ip, ip6 }) =>
        [ip, ip6 ?? ip].map((address) => [address, `${cluster}/${pod}`] as const),
      ),
    ),
  );

const endsOnly = (flow: DeniedPath | undefined) => ({
  ...(flow === undefined ? {} : { clusters: flow.clusters }),
  ...(flow?.decidedBy === undefined ? {} : { decidedBy: flow.decidedBy }),
});

const expectedEnds = (f: DeniedPath): { readonly from: string; readonly to: string } => ({
  from: f.client,
  to: `${f.server} (${f.connection === "new" ? "tcp" : "udp"}${f.host.includes(":") ? ", IPv6" : ""})`,
});

/** Also with another source address. */
const hasPair = (seen: ReadonlySet<string>, pair: string): boolean => {
  const [from = "", to = ""] = pair.split(" -> ");
  return [...seen].some(
    (s) => s === pair || (s.startsWith(`${from} by address `) && s.endsWith(` -> ${to}`)),
  );
};
