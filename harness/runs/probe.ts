import { failoverFacts } from "#harness/check/failover.ts";
import { formatMs } from "#harness/core/clock.ts";
import { MeshproofError } from "#harness/core/errors.ts";
import { pause } from "#harness/core/eventually.ts";
import { writeAtomic } from "#harness/host/paths.ts";
import { requireLab } from "#harness/lab/lab.ts";
import { Mesh } from "#harness/mesh/mesh.ts";
import { vantagesOf } from "#harness/mesh/vantage.ts";
import { startProbe } from "#harness/probe/driver.ts";

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
  /** Where the whole history goes, as JSON. */
  readonly out?: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The suites' own prober, by hand: what was lost, for how long, and how well the prober itself did. */
export async function probeByHand(options: ProbeByHandOptions): Promise<void> {
  const mesh = new Mesh(await requireLab(options.lab));
  const [name, node] = options.from.split("/");
  const cluster = mesh.cluster(name!);
  const vantages = await vantagesOf(cluster.kube);
  const vantage = node === undefined ? vantages.at(-1) : vantages.find((v) => v.node === node);
  if (vantage === undefined)
    throw new MeshproofError("usage", `there is no prober pod at ${options.from}`, {
      cure: `name ${vantages.map((v) => `${name}/${v.node}`).join(" or ")}`,
    });
  await using probe = await startProbe(cluster, vantage, {
    title: "by hand",
    host: options.host,
    port: options.port,
    path: options.path,
    everyMs: options.everyMs,
    timeoutMs: 1000,
    connection: options.connection,
    clusterOf: (pod) => pod,
    signal: AbortSignal.any([]),
  });
  options.say(
    `probing ${options.host}:${options.port}${options.path} from ${name}/${vantage.node} every ${options.everyMs} ms for ${options.seconds}s`,
  );
  await pause(options.seconds * 1000, options.signal).catch(() => options.say("interrupted: so far"));
  const history = await probe.stop();
  const facts = failoverFacts(history, {
    from: "",
    to: "",
    withinMs: 0,
    stableMs: 1000,
    sinceMs: 0,
    rig: mesh.state.plan.rig,
  });
  const served = new Map<string, number>();
  for (const s of history.samples)
    if (s.outcome === "ok") served.set(s.servedBy ?? "?", (served.get(s.servedBy ?? "?") ?? 0) + 1);
  const losses = Object.entries(facts.lossOutcomes).map(([kind, n]) => `${n} ${kind}`);
  options.say(
    `${facts.sent} requests, ${facts.lost} lost${losses.length === 0 ? "" : ` (${losses.join(", ")})`}`,
  );
  options.say(
    `outage ${formatMs(facts.outageMs)}, longest gap between two answers ${formatMs(facts.longestGapMs)}`,
  );
  for (const [pod, n] of [...served].sort((a, b) => b[1] - a[1]))
    options.say(`  ${String(n).padStart(6)} ${pod}`);
  options.say(
    `the prober: 99 % of requests at most ${facts.latenessP99Ms.toFixed(1)} ms late, ${facts.controlLost} of ${facts.controlSent} control requests lost, ${(facts.cpuShare * 100).toFixed(0)} % of a core`,
  );
  if (options.out !== undefined) {
    await writeAtomic(options.out, JSON.stringify(history));
    options.say(`history: ${options.out}`);
  }
}
