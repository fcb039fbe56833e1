import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Mesh } from "#harness/cluster/mesh.ts";
import { failoverFacts } from "#harness/judge/failover.ts";
import { workOn } from "#harness/lab/open-lab.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { pause } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { History } from "#harness/model/history.ts";
import { Prober } from "#harness/probe/driver.ts";
import { vantagesOf } from "#harness/workloads/vantage.ts";

export interface ProbeByHandOptions {
  readonly lab: string;
  /** A cluster, or `cluster/node`. */
  readonly from: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly everyMs: number;
  readonly seconds: number;
  readonly connection: "new" | "reused";
  /** File for the whole history. */
  readonly out?: string;
  /** `from` is the `cluster/node` that sends. */
  readonly onStarted: (from: string) => void;
  readonly onInterrupted: () => void;
  readonly signal: AbortSignal;
}

/** What was lost, for how long, and how well the prober itself did; times in milliseconds. */
export interface ProbeResult {
  /** `cluster/node`. */
  readonly from: string;
  readonly target: string;
  readonly interrupted: boolean;
  readonly sent: number;
  readonly lost: number;
  readonly lossOutcomes: Readonly<Record<string, number>>;
  /** Sum of the gaps. */
  readonly lostTimeMs: number;
  readonly bursts: number;
  /** From the first gap to the last one. */
  readonly outageMs: number;
  /** The longest gap between two good answers with a loss between them. */
  readonly longestGapMs: number;
  /** Good answers by pod, `?` where an answer named none. */
  readonly servedBy: Readonly<Record<string, number>>;
  readonly prober: {
    readonly latenessP99Ms: number;
    readonly controlSent: number;
    readonly controlLost: number;
    /** Of one core. */
    readonly cpuShare: number;
  };
}

/** The suites' own prober, by hand. */
export async function probeByHand(options: ProbeByHandOptions): Promise<ProbeResult> {
  const mesh = new Mesh(await workOn(options.lab));
  const [name = "", node] = options.from.split("/");
  const cluster = mesh.cluster(name);
  const vantages = await vantagesOf(cluster.kube);
  const vantage = node === undefined ? vantages.at(-1) : vantages.find((v) => v.node === node);
  if (vantage === undefined)
    throw new MeshproofError("usage", `${options.from} has no prober pod`, {
      remedy: `name ${vantages.map((v) => shellQuote([`${name}/${v.node}`])).join(" or ")}`,
    });
  const kept = options.out ?? join(await mkdtemp(join(tmpdir(), "meshproof-probe-")), "history.ndjson");
  try {
    await using prober = await Prober.start(
      { cluster, vantage },
      [
        {
          title: "by hand",
          host: options.host,
          port: options.port,
          path: options.path,
          everyMs: options.everyMs,
          timeoutMs: 1000,
          connection: options.connection,
          clusterOf: (pod) => pod,
          file: kept,
        },
      ],
      AbortSignal.any([]),
    );
    const from = `${name}/${vantage.node}`;
    options.onStarted(from);
    let interrupted = false;
    await pause(options.seconds * 1000, options.signal).catch(() => {
      interrupted = true;
      options.onInterrupted();
    });
    await prober.stop();
    const history = await found(prober.streams[0], "stream of the prober").history();
    const target = `${options.host}:${options.port}${options.path}`;
    return { from, target, interrupted, ...figuresOf(history) };
  } finally {
    if (options.out === undefined) await rm(dirname(kept), { recursive: true, force: true });
  }
}

function figuresOf(history: History): Omit<ProbeResult, "from" | "target" | "interrupted"> {
  const facts = failoverFacts(history, { sinceMs: 0 });
  const { sent, lost, lossOutcomes, lostTimeMs, bursts, outageMs, longestGapMs } = facts;
  const { latenessP99Ms, controlSent, controlLost, cpuShare } = facts;
  const servedBy = new Map<string, number>();
  for (const s of history.samples)
    if (s.outcome === "ok") servedBy.set(s.servedBy ?? "?", (servedBy.get(s.servedBy ?? "?") ?? 0) + 1);
  return {
    sent,
    lost,
    lossOutcomes,
    lostTimeMs,
    bursts,
    outageMs,
    longestGapMs,
    servedBy: Object.fromEntries(servedBy),
    prober: { latenessP99Ms, controlSent, controlLost, cpuShare },
  };
}
