import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Mesh } from "#harness/cluster/mesh.ts";
import { describeLosses, failoverFacts } from "#harness/judge/failover.ts";
import { workOn } from "#harness/lab/open-lab.ts";
import { formatMs } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { pause } from "#harness/lib/eventually.ts";
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
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Runs the suites' prober by hand, and reports losses, the outage, and the prober's own accuracy. */
export async function probeByHand(options: ProbeByHandOptions): Promise<void> {
  const mesh = new Mesh(await workOn(options.lab));
  const [name, node] = options.from.split("/");
  const cluster = mesh.cluster(name!);
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
    options.say(
      `probing ${options.host}:${options.port}${options.path} from ${name}/${vantage.node} every ${options.everyMs} ms for ${options.seconds}s`,
    );
    await pause(options.seconds * 1000, options.signal).catch(() =>
      options.say("interrupted; results so far:"),
    );
    await prober.stop();
    tell(await prober.streams[0]!.history(), options.say);
    if (options.out !== undefined) options.say(`history: ${options.out}`);
  } finally {
    if (options.out === undefined) await rm(dirname(kept), { recursive: true, force: true });
  }
}

function tell(history: History, say: (line: string) => void): void {
  const facts = failoverFacts(history, { stableMs: 1000, sinceMs: 0 });
  const served = new Map<string, number>();
  for (const s of history.samples)
    if (s.outcome === "ok") served.set(s.servedBy ?? "?", (served.get(s.servedBy ?? "?") ?? 0) + 1);
  say(
    `${facts.sent} requests, ${facts.lost} lost${facts.lost === 0 ? "" : ` (${describeLosses(facts.lossOutcomes)})`}`,
  );
  say(`outage ${formatMs(facts.outageMs)}, longest gap between two answers ${formatMs(facts.longestGapMs)}`);
  for (const [pod, n] of [...served].sort((a, b) => b[1] - a[1])) say(`  ${String(n).padStart(6)} ${pod}`);
  say(
    `the prober: 99 % of requests at most ${facts.latenessP99Ms.toFixed(1)} ms late, ${facts.controlLost} of ${facts.controlSent} control requests lost, ${(facts.cpuShare * 100).toFixed(0)} % of a core`,
  );
}
