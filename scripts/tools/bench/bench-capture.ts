import { join } from "node:path";
import { requireKind } from "#harness/cluster/cluster.ts";
import { Mesh } from "#harness/cluster/mesh.ts";
import { testLab } from "#harness/jobs/test.ts";
import { failoverFacts } from "#harness/judge/failover.ts";
import { contains, parseCidr } from "#harness/lib/cidr.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { pause } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { quantile } from "#harness/lib/stats.ts";
import { readCounters } from "#harness/measure/capture.ts";
import type { History, Sample } from "#harness/model/history.ts";
import type { TestRecord } from "#harness/model/record.ts";
import { execIn, execLines } from "#harness/platform/docker.ts";
import { readHistory } from "#harness/probe/history-file.ts";
import { requireLab } from "#harness/state/lab.ts";
import { newRunId } from "#harness/testkit/run-id.ts";
import { echoHttpPort } from "#harness/workloads/echo.ts";
import { vantagesOf } from "#harness/workloads/vantage.ts";

/** A packet that a node saw leaving a pod; nodes and host share one clock. */
export interface CapturedPacket {
  readonly atUnixMs: number;
  /** `syn`: a client opens a connection to a backend; `answer`: a backend's first bytes of HTTP. */
  readonly kind: "syn" | "answer";
  /** `ip:port`. */
  readonly from: string;
  readonly to: string;
}

const answers = `(tcp src port ${echoHttpPort} and tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x48545450)`;
const syns = `(tcp dst port ${echoHttpPort} and tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn)`;

/** With a buffer for seconds without a processor: headers alone, 64 MiB. Its counters come with its packets. */
const capture = [
  ...["sh", "-c", 'exec "$@" 2>&1', "capture"],
  ...["tcpdump", "-B", "65536", "-s", "160", "-i", "any", "-nn", "-tt", "-l"],
];

/** One line of `tcpdump -i any -nn -tt`; only packets on a pod's own interface, so that none counts twice. */
export function readCapture(line: string): CapturedPacket | undefined {
  const packet =
    /^(\d+\.\d+) lxc\S* +(?:In|P|B)? *IP ([\d.]+)\.(\d+) > ([\d.]+)\.(\d+): Flags \[([^\]]*)\]/.exec(line);
  if (packet === null) return undefined;
  const [, seconds, from, fromPort, to, toPort, flags = ""] = packet;
  return {
    atUnixMs: Number(seconds) * 1000,
    kind: flags.startsWith("S") ? "syn" : "answer",
    from: `${from}:${fromPort}`,
    to: `${to}:${toPort}`,
  };
}

/** Difference between the timestamps of the prober and of the wire, for one boundary of one failover. */
export interface CaptureError {
  readonly boundary:
    | "last good"
    | "last answer of the old side"
    | "first loss"
    | "last loss"
    | "lost time"
    | "longest gap"
    | "first answer of the new side";
  readonly ms: number;
}

/**
 * Compares the prober with packet captures on the nodes of backends and clients, over repeated runs of the failover
 * suite: the distribution of the difference between traffic-side boundaries by the prober's timestamps and on the wire.
 */
export async function benchCapture(
  lab: string,
  repeat: number,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<string[]> {
  const mesh = new Mesh(await requireLab(lab));
  const clusters = mesh.clusters.map((c) => requireKind(c, "a packet capture"));
  const nodes = (await Promise.all(clusters.map((c) => c.nodes()))).flat().map((n) => n.container);
  for (const node of nodes) {
    if ((await execIn(node, ["sh", "-c", "command -v tcpdump"], { tolerate: true })).exitCode !== 0)
      throw new MeshproofError("machine-unfit", `node ${node} has no tcpdump`, {
        remedy: "use a lab whose images were built (`--images source`)",
      });
  }
  const clients = new Map<string, string>();
  for (const c of mesh.clusters) {
    const vantage = (await vantagesOf(c.kube)).at(-1);
    clients.set(c.name, found(vantage, `prober pod in ${c.name}`).ip);
  }
  const expected = new Set(clients.values());
  const captured: CapturedPacket[] = [];
  const captures = startCaptures(nodes, (packet) => {
    const client = packet.kind === "syn" ? packet.from : packet.to;
    if (expected.has(client.slice(0, client.lastIndexOf(":")))) captured.push(packet);
  });
  let finished: Awaited<ReturnType<typeof testLab>>;
  try {
    await pause(2000, signal);
    finished = await testLab({
      lab,
      suites: ["failover"],
      repeat,
      runId: newRunId(),
      command: `npm run bench -- ${shellQuote(["capture", lab, String(repeat)])}`,
      say,
      signal,
    });
  } finally {
    await captures.stop();
  }
  const pods = new Map(mesh.clusters.map((c) => [c.name, parseCidr(c.podCidr)]));
  const errors: CaptureError[] = [];
  const halvedOffMs: number[] = [];
  const mainShares: number[] = [];
  const allShares: number[] = [];
  let failovers = 0;
  for (const test of finished.record.suites.flatMap((s) => s.tests)) {
    const history = await mainHistory(finished.dir, test);
    const measurement = test.notes.measurement;
    if (history === undefined || measurement === undefined) continue;
    failovers += 1;
    halvedOffMs.push(Math.abs(lostTimeOf(halved(history)) - lostTimeOf(history)));
    mainShares.push(measurement.prober.cpuShare);
    allShares.push(measurement.prober.allCpuShare);
    const podOf = (cluster: string) => (ip: string) =>
      contains(found(pods.get(cluster), `cluster ${cluster} in the mesh`), ip.slice(0, ip.lastIndexOf(":")));
    const to = found(
      mesh.clusters.find((c) => c.name !== measurement.struck),
      `cluster other than ${measurement.struck}`,
    ).name;
    errors.push(
      ...compareWithCapture(history, captured, {
        client: found(clients.get(measurement.client), `prober pod in ${measurement.client}`),
        old: { cluster: measurement.struck, has: podOf(measurement.struck) },
        fresh: { cluster: to, has: podOf(to) },
      }),
    );
  }
  if (failovers === 0)
    throw new MeshproofError("rig-spoiled", "no failover was measured", {
      remedy: "read the run's report: the suite ended before a failover",
    });
  const everyMs = mesh.state.plan.budgets.probeEveryMs;
  const p95Ms = quantile(
    errors.map((e) => Math.abs(e.ms)),
    0.95,
  );
  return [
    `${failovers} failovers, ${captured.length} packets captured on ${nodes.length} nodes, one request every ${everyMs} ms`,
    dropsText(nodes, captures.drops),
    ...[...Map.groupBy(errors, (e) => e.boundary)].map(([boundary, all]) => {
      const off = all.map((e) => Math.abs(e.ms));
      return `${boundary}: ${all.length} compared; error median ${quantile(off, 0.5).toFixed(2)}, p95 ${quantile(off, 0.95).toFixed(2)}, max ${Math.max(...off).toFixed(2)} ms`;
    }),
    `all boundaries: p95 ${p95Ms.toFixed(2)} ms, ${(p95Ms / everyMs).toFixed(2)} of the interval`,
    `processor: main vantage point median ${percent(quantile(mainShares, 0.5))}, max ${percent(Math.max(...mainShares))} of a core; all together median ${percent(quantile(allShares, 0.5))}, max ${percent(Math.max(...allShares))}`,
    `the same failovers by every second request: the lost time differs by median ${quantile(halvedOffMs, 0.5).toFixed(1)}, at max ${Math.max(...halvedOffMs).toFixed(1)} ms`,
  ];
}

interface Captures {
  /** What each node's capture dropped, once it is known. */
  readonly drops: ReadonlyMap<string, number>;
  readonly stop: () => Promise<void>;
}

function startCaptures(nodes: readonly string[], onPacket: (packet: CapturedPacket) => void): Captures {
  const drops = new Map<string, number>();
  const started = nodes.map((node) =>
    execLines(node, [...capture, `${answers} or ${syns}`], (line) => {
      const counters = readCounters(line);
      if (counters !== undefined) drops.set(node, counters.dropped);
      const packet = readCapture(line);
      if (packet !== undefined) onPacket(packet);
    }),
  );
  const signalAll = async (...options: readonly string[]): Promise<void> => {
    for (const node of nodes) await execIn(node, ["pkill", ...options, "-x", "tcpdump"], { tolerate: true });
  };
  return {
    drops,
    stop: async () => {
      // It writes its counters, then ends.
      await signalAll("-USR1");
      await pause(2000, new AbortController().signal);
      await signalAll();
      for (const each of started) each.kill();
    },
  };
}

/** A dropped answer is a loss on the wire that was none. */
function dropsText(nodes: readonly string[], drops: ReadonlyMap<string, number>): string {
  const uncounted = nodes.filter((n) => !drops.has(n));
  if (uncounted.length > 0) return `what the capture on ${uncounted.join(", ")} dropped is not known`;
  const dropped = [...drops.values()].reduce((sum, n) => sum + n, 0);
  return dropped === 0
    ? "the captures dropped no packet"
    : `the captures dropped ${dropped} packets: differences in losses may be theirs`;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** From the fault to the healing, by the history's marks. */
function lostTimeOf(history: History): number {
  const [away, back] = history.marks.map((m) => m.atMs);
  return failoverFacts(history, {
    sinceMs: away ?? 0,
    ...(back === undefined ? {} : { untilMs: back }),
  }).lostTimeMs;
}

function halved(history: History): History {
  return {
    ...history,
    everyMs: 2 * history.everyMs,
    samples: [...history.samples].filter((s) => s.seq % 2 === 0),
  };
}

async function mainHistory(dir: string, test: TestRecord): Promise<History | undefined> {
  const [file] = test.notes.histories ?? [];
  return file === undefined ? undefined : readHistory(join(dir, "histories", file)).catch(() => undefined);
}

interface Side {
  readonly cluster: string;
  readonly has: (address: string) => boolean;
}

/** Client and backend: a client uses one port towards several backends at once. */
function connectionOf(packet: CapturedPacket): string {
  return packet.kind === "syn" ? `${packet.from} ${packet.to}` : `${packet.to} ${packet.from}`;
}

/** Boundaries that left no packet (a connection refused before it reached the wire) are not compared. */
export function compareWithCapture(
  history: History,
  captured: readonly CapturedPacket[],
  move: { readonly client: string; readonly old: Side; readonly fresh: Side },
): CaptureError[] {
  const zero = history.startedAtUnixMs;
  const [away, back] = history.marks.map((m) => m.atMs);
  if (away === undefined || back === undefined) return [];
  const isClient = (address: string): boolean => address.startsWith(`${move.client}:`);
  const within = (fromMs: number, toMs: number) =>
    captured.filter((p) => p.atUnixMs >= zero + fromMs && p.atUnixMs <= zero + toMs);
  // A request at the end of the window is answered after it.
  const answers = Map.groupBy(
    within(away - 1000, back + history.timeoutMs).filter((p) => p.kind === "answer" && isClient(p.to)),
    connectionOf,
  );
  // A connection with several answers is a kept one.
  const opened = within(away - 1000, back)
    .filter((p) => p.kind === "syn" && isClient(p.from) && (answers.get(connectionOf(p))?.length ?? 0) < 2)
    .sort((a, b) => a.atUnixMs - b.atUnixMs);
  const answered = new Map(
    opened.map(connectionOf).flatMap((of) => (answers.get(of) ?? []).map((p) => [of, p] as const)),
  );
  let firstLost: Sample | undefined;
  let lastGood: Sample | undefined;
  let lastOldMs: number | undefined;
  let firstNewMs: number | undefined;
  for (const s of history.samples) {
    if (s.sentMs < away - 1000 || s.sentMs > back) continue;
    if (s.outcome === "ok") {
      if (firstLost === undefined) lastGood = s;
      if (s.cluster === move.old.cluster) lastOldMs = Math.max(lastOldMs ?? 0, s.endMs);
      else if (s.sentMs > away) firstNewMs = Math.min(firstNewMs ?? Number.POSITIVE_INFINITY, s.endMs);
    } else if (s.sentMs >= away) firstLost ??= s;
  }
  const errors: CaptureError[] = [];
  const add = (
    boundary: CaptureError["boundary"],
    measuredMs: number | undefined,
    wire: number | undefined,
  ): void => {
    if (measuredMs !== undefined && wire !== undefined)
      errors.push({ boundary, ms: zero + measuredMs - wire });
  };
  // A lost request may have left no packet; compare only if the first lost one on the wire is the same request.
  const near = (sentMs: number): CapturedPacket | undefined =>
    opened.find((p) => Math.abs(p.atUnixMs - zero - sentMs) < history.everyMs);
  if (firstLost !== undefined) {
    const wire = opened.find((p) => !answered.has(connectionOf(p)) && p.atUnixMs >= zero + away);
    if (near(firstLost.sentMs) !== undefined) add("first loss", firstLost.sentMs, wire?.atUnixMs);
    const before = opened.filter(
      (p) => answered.has(connectionOf(p)) && (wire === undefined || p.atUnixMs < wire.atUnixMs),
    );
    if (near(firstLost.sentMs) !== undefined) add("last good", lastGood?.sentMs, before.at(-1)?.atUnixMs);
  }
  errors.push(...lossErrors(history, opened, answered, { away, back }));
  const ends = [...answered.values()];
  const old = ends.filter((p) => move.old.has(p.from)).map((p) => p.atUnixMs);
  const fresh = ends.filter((p) => move.fresh.has(p.from) && p.atUnixMs > zero + away).map((p) => p.atUnixMs);
  if (old.length > 0) add("last answer of the old side", lastOldMs, Math.max(...old));
  if (fresh.length > 0) add("first answer of the new side", firstNewMs, Math.min(...fresh));
  return errors;
}

/** The requests on the wire, and those of the prober that left no packet, as a history. */
function wireHistory(
  history: History,
  opened: readonly CapturedPacket[],
  answered: ReadonlyMap<string, CapturedPacket>,
): History {
  const zero = history.startedAtUnixMs;
  const inTime = (syn: CapturedPacket, answer: CapturedPacket | undefined): boolean =>
    answer !== undefined && answer.atUnixMs - syn.atUnixMs < history.timeoutMs;
  // A connection sends its SYN again; the first one is the request.
  const requests = [...new Map(opened.toReversed().map((p) => [connectionOf(p), p])).values()].map((p) => ({
    sentMs: p.atUnixMs - zero,
    outcome: inTime(p, answered.get(connectionOf(p))) ? ("ok" as const) : ("timeout" as const),
  }));
  const silent = [...history.samples].filter(
    (s) => s.outcome !== "ok" && !requests.some((r) => Math.abs(r.sentMs - s.sentMs) < history.everyMs / 2),
  );
  const samples = [...requests, ...silent]
    .sort((a, b) => a.sentMs - b.sentMs)
    .map(({ sentMs, outcome }, seq): Sample => ({ seq, dueMs: sentMs, sentMs, endMs: sentMs, outcome }));
  return { ...history, samples };
}

/** Losses by the prober against those on the wire, over the whole window. */
function lossErrors(
  history: History,
  opened: readonly CapturedPacket[],
  answered: ReadonlyMap<string, CapturedPacket>,
  { away, back }: { readonly away: number; readonly back: number },
): CaptureError[] {
  const window = { sinceMs: away, untilMs: back };
  const wire = wireHistory(history, opened, answered);
  const [own, other] = [failoverFacts(history, window), failoverFacts(wire, window)];
  if (own.lost === 0) return [];
  const errors: CaptureError[] = [
    { boundary: "lost time", ms: own.lostTimeMs - other.lostTimeMs },
    { boundary: "longest gap", ms: own.longestGapMs - other.longestGapMs },
  ];
  // A lost request without a packet would be compared with itself.
  const { lastLossMs } = own;
  const packet = opened.find(
    (p) =>
      !answered.has(connectionOf(p)) &&
      lastLossMs !== undefined &&
      Math.abs(p.atUnixMs - history.startedAtUnixMs - lastLossMs) < history.everyMs,
  );
  if (lastLossMs !== undefined && packet !== undefined)
    errors.push({ boundary: "last loss", ms: lastLossMs - (other.lastLossMs ?? Number.NaN) });
  return errors;
}
