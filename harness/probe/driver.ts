import { randomBytes } from "node:crypto";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { formatMs, monotonicMs, unixNowMs } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { eventually, notYet, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { hundredths, quantile } from "#harness/lib/stats.ts";
import type { Connection, History, Mark, Sample } from "#harness/model/history.ts";
import { sampleLine } from "#harness/model/history-lines.ts";
import { type ProbeSpec, readProbeLine, type WireRequest } from "#harness/model/probe-wire.ts";
import { execLines } from "#harness/platform/docker.ts";
import { forgetPriority, prioritise } from "#harness/platform/priority.ts";
import type { Vantage } from "#harness/workloads/vantage.ts";
import { eventuallyReported, type Reporting } from "./eventually-reported.ts";
import { HistoryFile, readHistory } from "./history-file.ts";
import { RecentSamples } from "./recent.ts";

/** A child process with line output: the prober in a pod or in the outside client. */
interface ProbeProcess {
  write(line: string): void;
  kill(): void;
  readonly done: Promise<{ exitCode: number; stderr: string }>;
}

export interface StreamOptions {
  readonly title: string;
  readonly host: string;
  readonly port: number;
  readonly path?: string;
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly connection?: Connection;
  /** Begins every datagram of a UDP flow. */
  readonly token?: string;
  /** Address of the DNS server to ask instead of the pod's own. */
  readonly dnsServer?: string;
  /** Returns a backend's cluster from the pod name in its response. */
  readonly clusterOf: (servedBy: string) => string | undefined;
  /** The file that receives its history while it runs. */
  readonly file: string;
  /** Receives every sample as it arrives, for judging while the prober runs. */
  readonly onSamples?: (samples: readonly Sample[], control: readonly Sample[]) => void;
}

/** A pod, or a container outside all clusters. */
export type ProbeFrom =
  | { readonly cluster: Cluster; readonly vantage: Vantage }
  | { readonly container: string };

/** Default interval of the control requests. */
const controlEveryMs = 50;
/**
 * A prober prints several times a second; after this silence it is stopped, or the connection to it is broken. On a busy
 * machine API server and kubelet alone delay what it printed by 20 s; its times are of its own clock, and lose nothing by
 * that.
 */
const silentLimitMs = 60_000;
/** Younger requests may still be unanswered. */
const inFlightMs = 200;
/** How much of a stream stays in memory: enough for any interval that `settled` checks. */
const recentMs = 8000;

/**
 * A running open-loop prober: one process, one clock, one or more streams of requests. The histories grow on disk and
 * are complete when it has stopped.
 */
export class Prober implements AsyncDisposable, Reporting {
  readonly vantage: string;
  readonly streams: readonly Stream[];
  readonly #signal: AbortSignal;
  readonly #marks: Mark[] = [];
  #process: ProbeProcess | undefined;
  #files: readonly HistoryFile[] = [];
  #lastMessageAtMs = monotonicMs();
  #startedAtUnixMs: number | undefined;
  /** Up to when it has reported, on its own clock. */
  #reportedMs = 0;
  #clockErrorMs = Number.POSITIVE_INFINITY;
  #realTime = false;
  #cpuShare: number | undefined;
  #ended: Promise<void> | undefined;

  private constructor(vantage: string, options: readonly StreamOptions[], signal: AbortSignal) {
    this.vantage = vantage;
    this.#signal = signal;
    this.streams = options.map((o) => new Stream(this, o));
  }

  static async start(
    from: ProbeFrom,
    options: readonly StreamOptions[],
    signal: AbortSignal,
    rig: { readonly controlEveryMs: number } = { controlEveryMs },
  ): Promise<Prober> {
    const vantage = "container" in from ? "outside" : `${from.vantage.cluster}/${from.vantage.node}`;
    const prober = new Prober(vantage, options, signal);
    const spec: ProbeSpec = {
      mark: `meshproof-probe-${randomBytes(6).toString("hex")}`,
      streams: options.map((o) => ({
        host: o.host,
        port: o.port,
        path: o.path ?? "/hostname",
        everyMs: o.everyMs,
        timeoutMs: o.timeoutMs,
        connection: o.connection ?? "new",
        ...(o.token === undefined ? {} : { token: o.token }),
        ...(o.dnsServer === undefined ? {} : { dnsServer: o.dnsServer }),
      })),
      controlEveryMs: rig.controlEveryMs,
    };
    const argv = ["node", "/prober/main.mjs", "probe", JSON.stringify(spec)];
    const onLine = (line: string): void => prober.#read(line);
    prober.#process =
      "container" in from
        ? execLines(from.container, argv, onLine)
        : await from.cluster.kube.start({ ...from.vantage, container: "prober", argv }, onLine);
    try {
      await eventually(
        async () => {
          // Thrown, so that the timeout has it as cause: a prober that does not run is not the mesh's fault.
          if (prober.#startedAtUnixMs === undefined)
            throw new MeshproofError("probe-failed", "no line of the prober");
          return ready(undefined);
        },
        { what: `the prober at ${vantage} to start`, withinMs: preparedWithinMs, everyMs: 20, signal },
      );
      await prober.#open();
      prober.#realTime = await prioritise(spec.mark);
    } catch (error) {
      prober.#process.kill();
      throw error;
    }
    return prober;
  }

  async #open(): Promise<void> {
    const { startedAtUnixMs } = this;
    const opened = this.streams.map(async (stream) => {
      const { options: o } = stream;
      const file = await HistoryFile.create(o.file, {
        title: o.title,
        vantage: this.vantage,
        target: `${o.host}:${o.port}`,
        everyMs: o.everyMs,
        timeoutMs: o.timeoutMs,
        connection: o.connection ?? "new",
        startedAt: new Date(startedAtUnixMs).toISOString(),
        startedAtUnixMs,
      });
      return { stream, file };
    });
    const files = await Promise.all(opened);
    this.#files = files.map(({ file }) => file);
    for (const { stream, file } of files) stream.writeTo(file);
  }

  #read(line: string): void {
    if (line.trim() === "") return;
    this.#lastMessageAtMs = monotonicMs();
    const reported = readProbeLine(line);
    if (reported === undefined) return;
    if ("hello" in reported) this.#startedAtUnixMs = reported.hello.startedAtUnixMs;
    else if ("bye" in reported) this.#cpuShare = reported.bye.cpuShare;
    else if (this.#startedAtUnixMs !== undefined) {
      this.#reportedMs = reported.nowMs;
      this.#clockErrorMs = Math.min(
        this.#clockErrorMs,
        Math.abs(unixNowMs() - (this.#startedAtUnixMs + reported.nowMs)),
      );
      const rows = new Map<number, WireRequest[]>();
      for (const [stream, ...row] of reported.samples) {
        const own = rows.get(stream);
        if (own === undefined) rows.set(stream, [row]);
        else own.push(row);
      }
      // The control requests are of the process, which all streams share.
      const control = reported.control.map(controlSample);
      for (const [i, stream] of this.streams.entries()) stream.take(rows.get(i) ?? [], control);
    }
  }

  /** Marks an event in every stream's history. Both clocks are of one machine, so the wall label aligns them. */
  mark(name: string, atUnixMs: number): void {
    this.#marks.push({ name, atMs: this.onClock(atUnixMs) });
  }

  /** Multiplies the interval between requests from now on; 1 restores the requested interval. */
  setIntervalFactor(factor: number): void {
    this.#process?.write(`interval-factor ${factor}`);
  }

  /** The stream at an index of the options. */
  streamAt(index: number): Stream {
    return found(this.streams[index], `stream number ${index + 1} of the prober at ${this.vantage}`);
  }

  /** Converts a time of the harness's clock to the prober's. */
  onClock(unixMs: number): number {
    return unixMs - this.startedAtUnixMs;
  }

  /** Unix milliseconds of the zero of its clock; it has started. */
  get startedAtUnixMs(): number {
    return found(this.#startedAtUnixMs, `start of the prober at ${this.vantage}`);
  }

  get reportedUnixMs(): number {
    return this.startedAtUnixMs + this.#reportedMs;
  }

  assertAlive(): void {
    const silentMs = this.#silentMs();
    if (silentMs > silentLimitMs)
      throw new MeshproofError(
        "probe-failed",
        `the prober at ${this.vantage} has been silent for ${formatMs(silentMs)}`,
      );
  }

  #silentMs(): number {
    return monotonicMs() - this.#lastMessageAtMs;
  }

  /** Whether it runs in real time. */
  get realTime(): boolean {
    return this.#realTime;
  }

  /** Number of samples so far, of all streams. */
  get recorded(): number {
    return this.streams.reduce((sum, s) => sum + s.recorded, 0);
  }

  /** Of the whole process, as a share of one core; known after it has stopped. */
  get cpuShare(): number {
    return this.#cpuShare ?? Number.NaN;
  }

  get signal(): AbortSignal {
    return this.#signal;
  }

  /** Ends the prober; then its histories are complete. Throws `probe-failed` if it ended with an error. */
  stop(): Promise<void> {
    this.#ended ??= this.#stop();
    return this.#ended;
  }

  async #stop(): Promise<void> {
    const process = found(this.#process, `process of the prober at ${this.vantage}`);
    process.write("stop");
    const longestMs = Math.max(...this.streams.map((s) => s.options.timeoutMs));
    const latestMs = monotonicMs() + longestMs + 10_000;
    // The end of one that still reports may be on its way.
    const timer = setInterval(() => {
      const overMs = monotonicMs() - latestMs;
      if (overMs > 0 && Math.max(overMs, this.#silentMs()) > silentLimitMs) process.kill();
    }, 250);
    const end = await process.done;
    clearInterval(timer);
    await forgetPriority();
    const cpuShare = this.#cpuShare;
    const foot =
      cpuShare === undefined
        ? undefined
        : { marks: this.#marks, cpuShare, clockErrorMs: hundredths(this.#clockErrorMs) };
    await Promise.all(this.#files.map((f) => f.close(foot)));
    if (foot === undefined) {
      throw new MeshproofError(
        "probe-failed",
        `the prober at ${this.vantage} exited with code ${end.exitCode} before its final report: ${end.stderr.slice(0, 300)}`,
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#process?.kill();
    this.#ended = Promise.all(this.#files.map((f) => f.close())).then(() => undefined);
    await this.#ended;
  }
}

function controlSample([seq, dueMs, sentMs, endMs, outcome]: WireRequest): Sample {
  return { seq, dueMs, sentMs, endMs, outcome };
}

/** One stream of a prober: a target, a grid, a history. */
export class Stream {
  readonly options: StreamOptions;
  readonly prober: Prober;
  recorded = 0;
  readonly #recent: RecentSamples;
  #early: string[] = [];
  #file: HistoryFile | undefined;

  constructor(prober: Prober, options: StreamOptions) {
    this.prober = prober;
    this.options = options;
    this.#recent = new RecentSamples(options.everyMs, recentMs);
  }

  writeTo(file: HistoryFile): void {
    this.#file = file;
    for (const lines of this.#early.splice(0)) file.write(lines);
  }

  /** Rows from one line of the prober, written together, because one write per sample would be mostly garbage. */
  take(rows: readonly WireRequest[], control: readonly Sample[]): void {
    const samples = rows.map((row) => this.#sample(row));
    const lines = [...samples.map((s) => sampleLine("s", s)), ...control.map((s) => sampleLine("c", s))];
    if (lines.length === 0) return;
    const text = `${lines.join("\n")}\n`;
    if (this.#file === undefined) this.#early.push(text);
    else this.#file.write(text);
    this.recorded += samples.length;
    for (const s of samples) this.#recent.add(s);
    this.options.onSamples?.(samples, control);
  }

  #sample([seq, dueMs, sentMs, endMs, outcome, servedBy, detail]: WireRequest): Sample {
    const cluster = outcome === "ok" ? this.options.clusterOf(servedBy) : undefined;
    return {
      seq,
      dueMs,
      sentMs,
      endMs,
      outcome: outcome === "ok" && cluster === undefined ? "wrong-backend" : outcome,
      ...(servedBy === "" ? {} : { servedBy }),
      ...(cluster === undefined ? {} : { cluster }),
      ...(detail === "" ? {} : { detail }),
    };
  }

  /**
   * Waits until for `quietMs` the given clusters, or any, have answered every request, without a loss, and 99 of 100
   * within `answeredWithinMs`.
   */
  async settled(expect: {
    servedBy?: readonly string[];
    withinMs: number;
    quietMs?: number;
    answeredWithinMs?: number;
    /** Only requests sent after this time count, on the harness's clock. */
    sinceUnixMs?: number;
  }): Promise<void> {
    const quietMs = expect.quietMs ?? 1000;
    const { host, port, everyMs } = this.options;
    const sinceMs = expect.sinceUnixMs === undefined ? 0 : this.prober.onClock(expect.sinceUnixMs);
    await eventuallyReported(
      [this.prober],
      () => {
        const latest = this.#recent.latestMs - inFlightMs;
        const { seqs, tally, good, latenciesMs } = this.#recent.between(
          latest - quietMs,
          latest,
          expect.servedBy,
        );
        // A missing number is a request without a response so far; it may still be lost.
        const whole =
          seqs.length >= (quietMs / everyMs) * 0.8 &&
          Math.max(...seqs) - Math.min(...seqs) + 1 === seqs.length;
        const isServed = latest - quietMs >= sinceMs && whole && good === seqs.length;
        const p99Ms = isServed ? quantile(latenciesMs, 0.99) : Number.NaN;
        if (isServed && p99Ms <= (expect.answeredWithinMs ?? Number.POSITIVE_INFINITY))
          return ready(undefined);
        if (isServed) return notYet(`p99 of the latency is ${formatMs(p99Ms)}`);
        return notYet(
          `in the last ${quietMs} ms: ${[...tally].map(([k, n]) => `${k} ${n}`).join(", ") || "nothing"}`,
        );
      },
      {
        what: `${this.options.title} (${this.prober.vantage} -> ${host}:${port}) to be served ${expect.servedBy === undefined ? "without a loss" : `only by ${expect.servedBy.join(" and ")}`}`,
        withinMs: expect.withinMs,
        everyMs: 50,
        signal: this.prober.signal,
      },
    );
  }

  /** All its samples, read back from disk; the prober must have stopped. */
  history(): Promise<History> {
    return readHistory(this.options.file);
  }
}
