import { readFile } from "node:fs/promises";
import type { KindNode } from "#harness/cluster/kind/kind-node.ts";
import { killProcesses, podProcess } from "#harness/cluster/kind/node-control.ts";
import { onNode } from "#harness/cluster/node.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import type { Leak } from "#harness/model/certificate.ts";
import { type LeakPacket, leakPacketSchema } from "#harness/model/leak-packet.ts";
import { execLines } from "#harness/platform/docker.ts";
import { appendToReportNow } from "#harness/platform/report-files.ts";
import type { ProtectedServer } from "#harness/workloads/standing-workload.ts";

// Unbuffered: a packet delayed by libpcap would be counted in no phase.
const tcpdump = ["tcpdump", "--immediate-mode", "-i", "eth0", "-nn", "-tt", "-l"];

/** One line of `tcpdump -nn -tt`: the time and the source address. */
export function readPacket(line: string): { atUnixMs: number; from: string } | undefined {
  const [, at, from] = /^(\d+\.\d+) IP (\d+\.\d+\.\d+\.\d+)\.\d+ > /.exec(line) ?? [];
  return from === undefined ? undefined : { atUnixMs: Number(at) * 1000, from };
}

function leaksOf(packets: readonly LeakPacket[], sinceUnixMs: number): Leak[] {
  const pairs = Map.groupBy(packets, (p) => `${p.from} -> ${p.to}`);
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

/**
 * Captures every packet of a denied client that reaches a protected server, on the server's own interface. That is
 * behind the policy, so no packet may arrive; and unlike a sample, a capture misses none.
 */
export class LeakWatch implements AsyncDisposable {
  readonly #packets: LeakPacket[] = [];
  readonly #lost: string[] = [];
  readonly #taps: { readonly node: KindNode; kill(): void }[] = [];
  #file: string | undefined;
  #closing = false;

  static async start(protectedServers: readonly ProtectedServer[], signal: AbortSignal): Promise<LeakWatch> {
    const watch = new LeakWatch();
    try {
      await watch.#start(protectedServers, signal);
    } catch (error) {
      await watch[Symbol.asyncDispose]();
      throw error;
    }
    return watch;
  }

  async #start(protectedServers: readonly ProtectedServer[], signal: AbortSignal): Promise<void> {
    const deniedClients = new Map(protectedServers.map((g) => [g.denied.ip, `${g.cluster.name}/denied`]));
    const filter = [...deniedClients.keys()].map((ip) => `src host ${ip}`).join(" or ");
    for (const { cluster, server } of protectedServers) {
      const to = `${cluster.name}/server`;
      const node = cluster.node(server.node);
      const pid = await podProcess(node, server.uid, signal);
      if (pid === undefined)
        throw new MeshproofError("lab-broken", `found no process of ${to} on ${server.node}`, {
          remedy: "run it again; `npm run mesh -- diagnose` reports the state of the pod",
        });
      if ((await onNode(node, ["which", "tcpdump"], { tolerate: true, signal })).exitCode !== 0)
        throw new MeshproofError(
          "machine-unfit",
          `node ${server.node} has no tcpdump, which captures leaks`,
          {
            remedy: "certify with --images source: those nodes have it",
          },
        );
      const argv = ["nsenter", "-t", String(pid), "-n", ...tcpdump, filter];
      const tap = execLines(node.container, argv, (line) => {
        const packet = readPacket(line);
        if (packet !== undefined)
          this.#add({ atUnixMs: packet.atUnixMs, from: deniedClients.get(packet.from) ?? packet.from, to });
      });
      void tap.done.then(({ stderr }) => {
        if (!this.#closing) this.#lost.push(`the capture at ${to} ended: ${stderr.trim().slice(-200)}`);
      });
      this.#taps.push({ node, kill: tap.kill });
    }
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

  /**
   * The pairs with packets since a time. Without a policy every pair must have some, or the capture does not work.
   */
  seen(sinceUnixMs: number): ReadonlySet<string> {
    return new Set(this.#packets.filter((p) => p.atUnixMs >= sinceUnixMs).map((p) => `${p.from} -> ${p.to}`));
  }

  /** Why the running captures are incomplete. */
  get troubles(): readonly string[] {
    return this.#lost;
  }

  /** Leaks in an interval, one for each pair with its packets. */
  leaks(sinceUnixMs: number, untilUnixMs: number): Leak[] {
    return leaksOf(
      this.#packets.filter((p) => p.atUnixMs >= sinceUnixMs && p.atUnixMs < untilUnixMs),
      sinceUnixMs,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    for (const { node, kill } of this.#taps) {
      // tcpdump outlives the `docker exec` that started it.
      await killProcesses(node, tcpdump.join(" "), AbortSignal.timeout(20_000)).catch(() => false);
      kill();
    }
  }
}
