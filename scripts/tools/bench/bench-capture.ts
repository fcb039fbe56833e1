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
import { median, quantile } from "#harness/lib/stats.ts";
import { captureCommand, readCounters } from "#harness/measure/capture.ts";
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

/**
 * With a buffer for seconds without a processor: headers alone, 64 MiB. What leaves a pod comes in at the node; what goes
 * out again is not written, because the writing loads the machine.
 */
const capture = { device: "any", incoming: true, bufferKiB: 65_536, snapBytes: 160 } as const;

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
  const captured: CapturedPacket[] = [];
  const captures = startCaptures(nodes, [...clients.values()], (packet) => captured.push(packet));
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
  const disputed: Sample[] = [];
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
    const compared = compareWithCapture(history, captured, {
      client: found(clients.get(measurement.client), `prober pod in ${measurement.client}`),
      old: { cluster: measurement.struck, has: podOf(measurement.struck) },
      fresh: { cluster: to, has: podOf(to) },
    });
    errors.push(...compared.errors);
    disputed.push(...compared.disputed);
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
      return `${boundary}: ${all.length} compared; error median ${median(off).toFixed(2)}, p95 ${quantile(off, 0.95).toFixed(2)}, max ${Math.max(...off).toFixed(2)} ms`;
    }),
    `requests on which prober and wire disagree: ${disputed.length}${disputed.length === 0 ? "" : ` (${disputed.slice(0, 5).map(sampleText).join("; ")})`}`,
    `all boundaries: p95 ${p95Ms.toFixed(2)} ms, ${(p95Ms / everyMs).toFixed(2)} of the interval`,
    `processor: main vantage point median ${percent(median(mainShares))}, max ${percent(Math.max(...mainShares))} of a core; all together median ${percent(median(allShares))}, max ${percent(Math.max(...allShares))}`,
    `the same failovers by every second request: the lost time differs by median ${median(halvedOffMs).toFixed(1)}, at max ${Math.max(...halvedOffMs).toFixed(1)} ms`,
  ];
}

const sampleText = ({ outcome, sentMs, endMs }: Sample): string =>
  `${outcome} for the prober after ${(endMs - sentMs).toFixed(0)} ms`;

interface Captures {
  /** What each node's capture dropped, once it is known. */
  readonly drops: ReadonlyMap<string, number>;
  readonly stop: () => Promise<void>;
}

function startCaptures(
  nodes: readonly string[],
  clients: readonly string[],
  onPacket: (packet: CapturedPacket) => void,
): Captures {
  const ofClients = clients.map((ip) => `host ${ip}`).join(" or ");
  const drops = new Map<string, number>();
  const started = nodes.map((node) =>
    execLines(node, captureCommand(`(${ofClients}) and (${answers} or ${syns})`, capture), (line) => {
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

interface Comparison {
  readonly errors: readonly CaptureError[];
  /** Requests that are lost for the prober and not on the wire, or the other way round. */
  readonly disputed: readonly Sample[];
}

/** Boundaries that left no packet (a connection refused before it reached the wire) are not compared. */
export function compareWithCapture(
  history: History,
  captured: readonly CapturedPacket[],
  move: { readonly client: string; readonly old: Side; readonly fresh: Side },
): Comparison {
  const zero = history.startedAtUnixMs;
  const [away, back] = history.marks.map((m) => m.atMs);
  if (away === undefined || back === undefined) return { errors: [], disputed: [] };
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
    const lost = opened.find((p) => !answered.has(connectionOf(p)) && p.atUnixMs >= zero + away);
    if (near(firstLost.sentMs) !== undefined) add("first loss", firstLost.sentMs, lost?.atUnixMs);
    const before = opened.filter(
      (p) => answered.has(connectionOf(p)) && (lost === undefined || p.atUnixMs < lost.atUnixMs),
    );
    if (near(firstLost.sentMs) !== undefined) add("last good", lastGood?.sentMs, before.at(-1)?.atUnixMs);
  }
  const wire = wireHistory(history, opened, answered);
  errors.push(...lossErrors(history, wire, { away, back }));
  const ends = [...answered.values()];
  const old = ends.filter((p) => move.old.has(p.from)).map((p) => p.atUnixMs);
  const fresh = ends.filter((p) => move.fresh.has(p.from) && p.atUnixMs > zero + away).map((p) => p.atUnixMs);
  if (old.length > 0) add("last answer of the old side", lastOldMs, Math.max(...old));
  if (fresh.length > 0) add("first answer of the new side", firstNewMs, Math.min(...fresh));
  const lostOnWire = new Set([...wire.samples].filter((s) => s.outcome !== "ok").map((s) => s.seq));
  const disputed = [...history.samples].filter(
    (s) => s.sentMs >= away && s.sentMs <= back && (s.outcome !== "ok") !== lostOnWire.has(s.seq),
  );
  return { errors, disputed };
}

/**
 * Each request of the prober as the wire shows it, or as the prober does where it left no packet. A kept connection that
 * is opened again is none of them, so the nearest packet counts and others do not.
 */
function wireHistory(
  history: History,
  opened: readonly CapturedPacket[],
  answered: ReadonlyMap<string, CapturedPacket>,
): History {
  const zero = history.startedAtUnixMs;
  // A connection sends its SYN again; the first one is the request.
  const first = [...new Map(opened.toReversed().map((p) => [connectionOf(p), p])).values()].sort(
    (a, b) => a.atUnixMs - b.atUnixMs,
  );
  const isInTime = (syn: CapturedPacket): boolean => {
    const answer = answered.get(connectionOf(syn));
    return answer !== undefined && answer.atUnixMs - syn.atUnixMs < history.timeoutMs;
  };
  let next = 0;
  const samples = [...history.samples].map((sample): Sample => {
    const atUnixMs = zero + sample.sentMs;
    const offMs = (i: number): number =>
      Math.abs((first[i]?.atUnixMs ?? Number.POSITIVE_INFINITY) - atUnixMs);
    while (next + 1 < first.length && offMs(next + 1) <= offMs(next)) next += 1;
    const syn = first[next];
    if (syn === undefined || offMs(next) >= history.everyMs / 2) return sample;
    const sentMs = syn.atUnixMs - zero;
    return {
      ...{ seq: sample.seq, dueMs: sentMs, sentMs, endMs: sentMs },
      outcome: isInTime(syn) ? "ok" : "timeout",
    };
  });
  return { ...history, samples };
}

/** Losses by the prober against those on the wire, over the whole window. */
function lossErrors(
  history: History,
  wire: History,
  { away, back }: { readonly away: number; readonly back: number },
): CaptureError[] {
  const window = { sinceMs: away, untilMs: back };
  const [own, other] = [failoverFacts(history, window), failoverFacts(wire, window)];
  const { lastLossMs } = own;
  if (lastLossMs === undefined) return [];
  return [
    { boundary: "lost time", ms: own.lostTimeMs - other.lostTimeMs },
    { boundary: "longest gap", ms: own.longestGapMs - other.longestGapMs },
    ...(other.lastLossMs === undefined || other.lastLossMs === lastLossMs
      ? // A lost request without a packet would be compared with itself.
        []
      : [{ boundary: "last loss" as const, ms: lastLossMs - other.lastLossMs }]),
  ];
}
