import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Mesh } from "#harness/cluster/mesh.ts";
import { planLab } from "#harness/config/plan.ts";
import { fromSource } from "#harness/images/source/index.ts";
import { failoverFacts } from "#harness/judge/failover.ts";
import { rigFacts } from "#harness/judge/rig.ts";
import { kinds } from "#harness/kube/kube.ts";
import { removeHeldLab } from "#harness/lab/remove-held-lab.ts";
import { up } from "#harness/lab/up.ts";
import { formatMs } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { pause } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import type { Progress } from "#harness/lib/progress.ts";
import type { LabPlan } from "#harness/model/lab-plan.ts";
import type { EchoSpec } from "#harness/model/probe-wire.ts";
import { Prober } from "#harness/probe/driver.ts";
import { requireLab } from "#harness/state/lab.ts";
import { systemNamespace, type Vantage, vantagesOf } from "#harness/workloads/vantage.ts";

const requestOf = (plan: LabPlan, progress: Progress, signal: AbortSignal) => ({
  clusters: new Map(plan.clusters.map((c) => [c.name, { kubernetes: c.kubernetes, cilium: c.cilium }])),
  source: "source" as const,
  progress,
  signal,
});

/** Time per part; parts from the cache are marked. */
export async function benchImages(progress: Progress, signal: AbortSignal): Promise<string[]> {
  const plan = await planLab({ lab: "bench" });
  const build = await fromSource(requestOf(plan, progress, signal), "bench");
  const total = build.times.reduce((sum, t) => sum + t.ms, 0);
  return [
    ...build.times.map((t) => `${t.part}: ${t.ms < 1000 ? "cached" : formatMs(t.ms)}`),
    `sum of the parts: ${formatMs(total)}`,
  ];
}

/** `up` as a ratio to its floor in one run: the floor is kind's clusters plus Helm until the agents are ready. */
export async function benchUp(progress: Progress, signal: AbortSignal): Promise<string[]> {
  const plan = await planLab({ lab: "bench" });
  try {
    const { times } = await up({
      plan,
      runId: "bench",
      images: { source: "source" },
      transient: true,
      progress,
      signal,
    });
    if (times === undefined)
      throw new MeshproofError("config-conflict", "lab bench is already up", {
        remedy: "npm run mesh -- down --lab bench",
      });
    const floorMs = times.kindMs + times.agentsMs;
    const totalMs = times.kindMs + times.canaryMs;
    return [
      `floor ${formatMs(floorMs)} (clusters ${formatMs(times.kindMs)}, agents ${formatMs(times.agentsMs)})`,
      `up ${formatMs(totalMs)}: meshed ${formatMs(times.meshedMs - times.agentsMs)} after the agents, canary ${formatMs(times.canaryMs - times.meshedMs)} after that`,
      `ratio ${(totalMs / floorMs).toFixed(2)}`,
      ...(await benchProber("bench", signal)),
    ];
  } finally {
    await removeHeldLab(plan.lab, progress);
  }
}

/** The prober's scheduling error and processor share at 5 ms spacing, on a quiet lab, against its canary. */
export async function benchProber(lab: string, signal: AbortSignal): Promise<string[]> {
  const mesh = new Mesh(await requireLab(lab));
  const cluster = found(mesh.clusters[0], `cluster in lab ${lab}`);
  const vantage = found((await vantagesOf(cluster.kube))[0], `prober pod in ${cluster.name}`);
  const canary = `canary-${cluster.name}`;
  const service = found(
    await cluster.kube.get(kinds.service, systemNamespace, canary),
    `service ${systemNamespace}/${canary} in ${cluster.name}`,
  );
  const dir = await mkdtemp(join(tmpdir(), "meshproof-bench-"));
  const lines: string[] = [];
  for (const connection of ["new", "reused"] as const) {
    await using prober = await Prober.start(
      { cluster, vantage },
      [
        {
          title: "bench",
          host: String(service.spec.clusterIP),
          port: 80,
          everyMs: 5,
          timeoutMs: 1000,
          connection,
          clusterOf: () => cluster.name,
          file: join(dir, `${connection}.ndjson`),
        },
      ],
      signal,
    );
    const cpuBefore = process.cpuUsage();
    await pause(20_000, signal);
    const cpu = process.cpuUsage(cpuBefore);
    await prober.stop();
    const history = await found(prober.streams[0], "stream of the prober").history();
    // Skip the program's start, two seconds.
    const facts = rigFacts(history, 2000);
    lines.push(
      `prober, ${connection} connections at 5 ms: p99 late ${facts.latenessP99Ms.toFixed(2)} ms, max ${facts.latenessMaxMs.toFixed(1)} ms, ${(history.cpuShare * 100).toFixed(1)} % of a core, ${history.samples.length} requests, ${failoverFacts(history, { sinceMs: 0 }).lost} lost; harness ${((cpu.user + cpu.system) / 200_000).toFixed(1)} % of a core, ${Math.round(process.memoryUsage.rss() / 1024 ** 2)} MiB`,
    );
  }
  await rm(dir, { recursive: true, force: true });
  return lines;
}

const manySamples = 1_000_000;

/** Reachable memory: resident memory also contains garbage that was not collected yet. */
function liveBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/**
 * Growth of the harness's memory while a prober records a million samples: UDP heartbeats from one prober pod to
 * another, a thousand a second on each of eight streams.
 */
export async function benchMemory(lab: string, signal: AbortSignal): Promise<string[]> {
  const mesh = new Mesh(await requireLab(lab));
  const cluster = found(mesh.clusters[0], `cluster in lab ${lab}`);
  const [from, to] = (await vantagesOf(cluster.kube)) as [Vantage, Vantage];
  const port = 8099;
  const echo = await cluster.kube.start(
    {
      ...to,
      container: "prober",
      argv: ["node", "/prober/main.mjs", "echo", JSON.stringify({ port, serveOnMs: 0 } satisfies EchoSpec)],
    },
    () => {},
  );
  const dir = await mkdtemp(join(tmpdir(), "meshproof-bench-"));
  const streams = 8;
  const idleBytes = process.memoryUsage.rss();
  try {
    await using prober = await Prober.start(
      { cluster, vantage: from },
      Array.from({ length: streams }, (_, i) => ({
        title: `bench ${i}`,
        host: to.ip,
        port,
        everyMs: 1,
        timeoutMs: 1000,
        connection: "udp" as const,
        clusterOf: () => cluster.name,
        file: join(dir, `${i}.ndjson`),
      })),
      signal,
    );
    // Memory of the first seconds does not grow with the samples: compiled code and each stream's buffer.
    await pause(10_000, signal);
    const before = process.memoryUsage();
    const liveBefore = liveBytes();
    let most = before.rss;
    const already = prober.recorded;
    while (prober.recorded - already < manySamples) {
      await pause(500, signal);
      most = Math.max(most, process.memoryUsage.rss());
      prober.assertAlive();
    }
    const recorded = prober.recorded - already;
    const grown = liveBytes() - liveBefore;
    await prober.stop();
    const mib = (bytes: number): string => (bytes / 1024 ** 2).toFixed(1);
    return [
      `${recorded} samples on ${streams} streams: reachable memory grew by ${mib(grown)} MiB; resident memory ${mib(idleBytes)} MiB before the first, ${mib(before.rss)} MiB after ten seconds, at max ${mib(most)} MiB while they were recorded: ${mib(most - before.rss)} MiB more`,
    ];
  } finally {
    echo.kill();
    await cluster.kube.exec({
      ...to,
      container: "prober",
      argv: ["node", "/prober/main.mjs", "end", `echo ${port}`],
    });
    await rm(dir, { recursive: true, force: true });
  }
}
