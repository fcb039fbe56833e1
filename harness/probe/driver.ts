import { randomBytes } from "node:crypto";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { formatMs, monotonicMs } from "#harness/core/clock.ts";
import { MeshproofError } from "#harness/core/errors.ts";
import { eventually, notYet, ready } from "#harness/core/eventually.ts";
import type { History, Mark, Sample } from "#harness/core/history.ts";
import type { ProbeLine, ProbeSpec, WireSample } from "#harness/core/probe-wire.ts";
import { execLines } from "#harness/host/docker.ts";
import { forgetPriority, prioritise } from "#harness/host/priority.ts";
import type { Vantage } from "#harness/mesh/vantage.ts";

/** A child with line output: the prober in a pod or in the outside client. */
interface ProbeProcess {
  write(line: string): void;
  kill(): void;
  readonly done: Promise<{ exitCode: number; stderr: string }>;
}

export interface ProbeOptions {
  readonly title: string;
  readonly host: string;
  readonly port: number;
  readonly path?: string;
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly connection?: "new" | "reused";
  /** Names a backend's cluster from the pod name it answers with. */
  readonly clusterOf: (servedBy: string) => string | undefined;
  readonly signal: AbortSignal;
}

/** A prober prints several times a second: one that does not is stopped, or its way to us is cut. */
const silentLimitMs = 5000;

type Start = (argv: readonly string[], onLine: (line: string) => void) => Promise<ProbeProcess>;

const program = (spec: ProbeSpec): string[] => ["node", "/prober/main.mjs", "probe", JSON.stringify(spec)];

/** Probes from a pod. */
export function startProbe(cluster: Cluster, from: Vantage, options: ProbeOptions): Promise<Probe> {
  return Probe.start(`${from.cluster}/${from.node}`, options, (argv, onLine) =>
    cluster.kube.start(from.namespace, from.pod, "prober", argv, onLine),
  );
}

/** Probes from a container that belongs to neither cluster. */
export function startOutsideProbe(container: string, options: ProbeOptions): Promise<Probe> {
  return Probe.start("outside", options, async (argv, onLine) => execLines(container, argv, onLine));
}

/** A running open-loop prober. Its history is complete once it is stopped. */
export class Probe implements AsyncDisposable {
  readonly #vantage: string;
  readonly #options: ProbeOptions;
  readonly #samples: Sample[] = [];
  readonly #control: Sample[] = [];
  readonly #marks: Mark[] = [];
  #process: ProbeProcess | undefined;
  #heardMs = monotonicMs();
  #startedAtUnixMs: number | undefined;
  #bye: { cpuShare: number; sent: number } | undefined;
  #history: Promise<History> | undefined;

  private constructor(vantage: string, options: ProbeOptions) {
    this.#vantage = vantage;
    this.#options = options;
  }

  static async start(vantage: string, options: ProbeOptions, start: Start): Promise<Probe> {
    const probe = new Probe(vantage, options);
    const spec: ProbeSpec = {
      mark: `meshproof-probe-${randomBytes(6).toString("hex")}`,
      host: options.host,
      port: options.port,
      path: options.path ?? "/hostname",
      everyMs: options.everyMs,
      timeoutMs: options.timeoutMs,
      connection: options.connection ?? "new",
      controlEvery: 4,
    };
    probe.#process = await start(program(spec), (line) => probe.#read(line));
    try {
      await eventually(
        async () => (probe.#startedAtUnixMs === undefined ? notYet("no line") : ready(undefined)),
        {
          what: `the prober at ${vantage} to start`,
          withinMs: 20_000,
          everyMs: 20,
          signal: options.signal,
        },
      );
      await prioritise(spec.mark);
    } catch (error) {
      probe.#process.kill();
      throw error;
    }
    return probe;
  }

  #read(line: string): void {
    if (line.trim() === "") return;
    this.#heardMs = monotonicMs();
    let told: ProbeLine;
    try {
      told = JSON.parse(line) as ProbeLine;
    } catch {
      return;
    }
    if ("hello" in told) this.#startedAtUnixMs = told.hello.startedAtUnixMs;
    else if ("bye" in told) this.#bye = told.bye;
    else {
      for (const s of told.samples) this.#samples.push(this.#sample(s));
      for (const s of told.control) this.#control.push(this.#sample(s));
    }
  }

  #sample([seq, dueMs, sentMs, endMs, outcome, servedBy, detail]: WireSample): Sample {
    const cluster = outcome === "ok" ? this.#options.clusterOf(servedBy) : undefined;
    return {
      seq,
      dueMs,
      sentMs,
      endMs,
      outcome,
      ...(servedBy === "" ? {} : { servedBy }),
      ...(cluster === undefined ? {} : { cluster }),
      ...(detail === "" ? {} : { detail }),
    };
  }

  /** Now, on the prober's clock. The two clocks are one machine's, so the wall label aligns them. */
  nowMs(): number {
    return performance.timeOrigin + performance.now() - this.#startedAtUnixMs!;
  }

  mark(name: string): Mark {
    const mark = { name, atMs: this.nowMs() };
    this.#marks.push(mark);
    return mark;
  }

  /** Waits until every answer of a whole `quietMs` came from one cluster, without a loss. */
  async settled(expect: { servedBy: string; withinMs: number; quietMs?: number }): Promise<void> {
    const quietMs = expect.quietMs ?? 1000;
    const silence = new AbortController();
    await eventually(
      async () => {
        const silentMs = monotonicMs() - this.#heardMs;
        if (silentMs > silentLimitMs)
          silence.abort(
            new MeshproofError(
              "probe-failed",
              `the prober at ${this.#vantage} has been silent for ${formatMs(silentMs)}`,
            ),
          );
        const latest = this.#samples.at(-1)?.sentMs ?? 0;
        const window = this.#samples.filter((s) => s.sentMs > latest - quietMs);
        const wanted = (quietMs / this.#options.everyMs) * 0.8;
        const good = window.filter((s) => s.outcome === "ok" && s.cluster === expect.servedBy).length;
        if (latest > quietMs && window.length >= wanted && good === window.length) return ready(undefined);
        const tally = new Map<string, number>();
        for (const s of window) {
          const key = s.outcome === "ok" ? (s.cluster ?? `unknown backend ${s.servedBy}`) : s.outcome;
          tally.set(key, (tally.get(key) ?? 0) + 1);
        }
        return notYet(
          `in the last ${quietMs} ms: ${[...tally].map(([k, n]) => `${k} ${n}`).join(", ") || "nothing"}`,
        );
      },
      {
        what: `${this.#vantage} -> ${this.#options.host}:${this.#options.port} to be served by ${expect.servedBy} alone`,
        withinMs: expect.withinMs,
        everyMs: 50,
        signal: AbortSignal.any([this.#options.signal, silence.signal]),
      },
    ).catch((error: unknown) => {
      throw silence.signal.aborted ? silence.signal.reason : error;
    });
  }

  /** Ends the prober and answers all that it saw. A prober that did not end well is `probe-failed`. */
  stop(): Promise<History> {
    this.#history ??= this.#stop();
    return this.#history;
  }

  async #stop(): Promise<History> {
    const process = this.#process!;
    process.write("stop");
    const timer = setTimeout(() => process.kill(), this.#options.timeoutMs + 10_000);
    const end = await process.done;
    clearTimeout(timer);
    await forgetPriority();
    if (this.#bye === undefined) {
      throw new MeshproofError(
        "probe-failed",
        `the prober at ${this.#vantage} ended with ${end.exitCode} and no last word: ${end.stderr.slice(0, 300)}`,
      );
    }
    return {
      title: this.#options.title,
      vantage: this.#vantage,
      target: `${this.#options.host}:${this.#options.port}`,
      everyMs: this.#options.everyMs,
      timeoutMs: this.#options.timeoutMs,
      connection: this.#options.connection ?? "new",
      startedAt: new Date(this.#startedAtUnixMs!).toISOString(),
      startedAtUnixMs: this.#startedAtUnixMs!,
      samples: [...this.#samples].sort((a, b) => a.seq - b.seq),
      control: [...this.#control].sort((a, b) => a.seq - b.seq),
      marks: this.#marks,
      cpuShare: this.#bye.cpuShare,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#history === undefined) this.#process?.kill();
  }
}
