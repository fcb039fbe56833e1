import type { Cluster } from "#harness/cluster/cluster.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { hundredths } from "#harness/lib/stats.ts";
import type { History, Sample } from "#harness/model/history.ts";
import { sampleLine } from "#harness/model/history-lines.ts";
import { type ProbeSpec, readProbeLine, type WireRequest } from "#harness/model/probe-wire.ts";
import { prioritise } from "#harness/platform/priority.ts";
import { HistoryFile, readHistory } from "#harness/probe/history-file.ts";
import type { FlowTarget } from "./node-traffic.ts";

export interface LogProbeOptions {
  readonly cluster: Cluster;
  /** The node that the pod must run on; the scheduler puts it there, so it waits until the node is Ready. */
  readonly node: string;
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  readonly targets: readonly FlowTarget[];
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly clusterOf: (pod: string) => string | undefined;
  readonly historyFile: (title: string) => string;
}

/** What the log of the pod holds so far. */
interface Log {
  readonly startedAtUnixMs: number;
  readonly clockErrorMs: number;
  readonly samples: readonly (readonly Sample[])[];
  readonly control: readonly Sample[];
}

const controlEveryMs = 50;
const logBytes = 32 * 1024 ** 2;

/**
 * A prober that is a pod's own program, so that its first request is the first thing the pod does: one that is started in
 * a running pod would miss the time before it. Its output is the pod's log.
 */
export class LogProbe implements AsyncDisposable {
  readonly #options: LogProbeOptions;
  readonly #mark: string;

  private constructor(options: LogProbeOptions) {
    this.#options = options;
    this.#mark = `meshproof-log-${options.name}`;
  }

  static async create(options: LogProbeOptions): Promise<LogProbe> {
    const probe = new LogProbe(options);
    await options.cluster.kube.apply(probe.#pod());
    return probe;
  }

  #pod(): KubeObject {
    const { namespace, name, node, image, targets, everyMs, timeoutMs } = this.#options;
    const spec: ProbeSpec = {
      mark: this.#mark,
      streams: targets.map(({ host, port, path = "/hostname" }) => ({
        host,
        port,
        path,
        everyMs,
        timeoutMs,
        connection: "new",
      })),
      controlEveryMs,
    };
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace, labels: { app: name } },
      spec: {
        nodeSelector: { "kubernetes.io/hostname": node },
        terminationGracePeriodSeconds: 0,
        restartPolicy: "Never",
        containers: [
          {
            name: "prober",
            image,
            imagePullPolicy: "IfNotPresent",
            args: ["probe", JSON.stringify(spec)],
            // The prober ends when its standard input does.
            stdin: true,
            resources: { requests: { cpu: "50m" } },
          },
        ],
      },
    };
  }

  get pod(): string {
    return `pod ${this.#options.name} on node ${this.#options.node}`;
  }

  /** When the pod was scheduled, in Unix milliseconds; the API server has whole seconds. */
  async scheduledUnixMs(): Promise<number | undefined> {
    const { cluster, namespace, name } = this.#options;
    const pod = await cluster.kube.get(kinds.pod, namespace, name);
    const conditions = (pod?.status?.conditions ?? []) as readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime?: string;
    }[];
    const at = conditions.find((c) => c.type === "PodScheduled" && c.status === "True")?.lastTransitionTime;
    return at === undefined ? undefined : Date.parse(at);
  }

  prioritise(): Promise<boolean> {
    return prioritise(this.#mark);
  }

  /** The samples so far, one list for each target; undefined if the pod has printed nothing yet. */
  async read(): Promise<Log | undefined> {
    const { cluster, namespace, name, targets, clusterOf } = this.#options;
    const text = await cluster.kube
      .logs(namespace, name, "prober", { limitBytes: logBytes })
      // The container does not run yet, or the node does not answer yet.
      .catch(() => "");
    let startedAtUnixMs: number | undefined;
    let clockErrorMs = Number.POSITIVE_INFINITY;
    const samples: Sample[][] = targets.map(() => []);
    const control: Sample[] = [];
    for (const line of text.split("\n")) {
      const cut = line.indexOf(" ");
      const reported = readProbeLine(line.slice(cut + 1));
      if (reported === undefined || "bye" in reported) continue;
      if ("hello" in reported) startedAtUnixMs = reported.hello.startedAtUnixMs;
      else if (startedAtUnixMs !== undefined) {
        const writtenMs = Date.parse(line.slice(0, cut));
        const differenceMs = Math.abs(writtenMs - (startedAtUnixMs + reported.nowMs));
        if (!Number.isNaN(differenceMs)) clockErrorMs = Math.min(clockErrorMs, differenceMs);
        for (const [stream, ...row] of reported.samples) samples[stream]?.push(sampleOf(row, clusterOf));
        for (const row of reported.control) control.push(sampleOf(row, () => "control"));
      }
    }
    return startedAtUnixMs === undefined ? undefined : { startedAtUnixMs, clockErrorMs, samples, control };
  }

  /** Keeps the log as histories, one for each target. Throws `probe-failed` if the pod never printed anything. */
  async histories(): Promise<ReadonlyMap<FlowTarget, History>> {
    const log = await this.read();
    if (log === undefined)
      throw new MeshproofError("probe-failed", `${this.pod} printed nothing: it never ran`);
    const { cluster, node, targets, everyMs, timeoutMs, historyFile } = this.#options;
    const kept = new Map<FlowTarget, History>();
    for (const [i, target] of targets.entries()) {
      const title = `${target.name}, from a new pod on ${node}`;
      const path = historyFile(title);
      const file = await HistoryFile.create(path, {
        title,
        vantage: `${cluster.name}/${node}`,
        target: `${target.host}:${target.port}`,
        everyMs,
        timeoutMs,
        connection: "new",
        startedAt: new Date(log.startedAtUnixMs).toISOString(),
        startedAtUnixMs: log.startedAtUnixMs,
      });
      const own = found(log.samples[i], `samples of ${target.name}`);
      file.write(
        [...own.map((s) => sampleLine("s", s)), ...log.control.map((s) => sampleLine("c", s)), ""].join("\n"),
      );
      // It reports its use of the processor only when it is asked to end.
      await file.close({ marks: [], cpuShare: 0, clockErrorMs: hundredths(log.clockErrorMs) });
      kept.set(target, await readHistory(path));
    }
    return kept;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { cluster, namespace, name } = this.#options;
    await cluster.kube.remove(kinds.pod, namespace, name, 0);
  }
}

function sampleOf(
  [seq, dueMs, sentMs, endMs, outcome, servedBy, detail]: WireRequest,
  clusterOf: (pod: string) => string | undefined,
): Sample {
  const cluster = outcome === "ok" ? clusterOf(servedBy) : undefined;
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
