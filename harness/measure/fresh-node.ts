import type { Cluster } from "#harness/cluster/cluster.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import type { InjectedFault } from "#harness/faults/fault.ts";
import { answersIn, errorOf, firstAnswer, qualityOf, servedFor } from "#harness/judge/timing.ts";
import { hasCondition, podReady } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { hundredths } from "#harness/lib/stats.ts";
import type { History } from "#harness/model/history.ts";
import type { Observation, ProberQuality } from "#harness/model/timing.ts";
import type { FlowTarget } from "./node-traffic.ts";
import { LogProbe, type LogProbeOptions } from "./pod-log-probe.ts";

export interface FreshNodeOptions extends LogProbeOptions {
  /** The pods of the other clusters that serve. */
  readonly servers: readonly string[];
  readonly inject: () => Promise<InjectedFault>;
  /** How long after Ready the first answers may take. */
  readonly withinMs: number;
  /** How long all requests must be answered at the end, at each target. */
  readonly quietMs: number;
  readonly round: number;
  readonly signal: AbortSignal;
}

export interface FreshNode {
  readonly observations: readonly Observation[];
  readonly probers: readonly ProberQuality[];
  readonly histories: ReadonlyMap<FlowTarget, History>;
  /** Targets that did not answer every request of the last `quietMs`, or were asked for less than that. */
  readonly notServedAtEnd: readonly FlowTarget[];
  /** If the mesh did not recover: to be thrown once the figures are kept. */
  readonly healError: unknown;
}

const readEveryMs = 1000;

/** Longer than a node container needs to start: systemd, containerd, kubelet and the agent. */
const registerMs = 240_000;

/** The worker to renew: one without clustermesh-apiserver if there is one, so that only the node itself is new. */
export async function workerToRenew(
  cluster: Cluster,
): Promise<{ readonly node: string; readonly holdsApiserver: boolean }> {
  const workers = (await cluster.nodes()).filter((n) => n.role === "worker").map((n) => n.name);
  const apiservers = await cluster.kube.list(kinds.pod, "kube-system", apiserverSelector);
  const holds = (node: string): boolean => apiservers.some((p) => p.spec?.nodeName === node);
  const node = workers.findLast((w) => !holds(w)) ?? workers.at(-1);
  if (node === undefined)
    throw new MeshproofError("usage", `cluster ${cluster.name} has no worker node to renew`, {
      remedy: "use a lab with at least one worker in each cluster",
    });
  return { node, holdsApiserver: holds(node) };
}

/** Renews a node and times its first answers, as a pod sees them that waits to be scheduled there. */
export async function measureFreshNode(
  options: FreshNodeOptions,
  holdsApiserver: boolean,
): Promise<FreshNode> {
  const { cluster, node, withinMs, quietMs, signal } = options;
  const pods = new Set(options.servers);
  await using fault = await options.inject();
  const startedUnixMs = unixNowMs();
  await using probe = await LogProbe.create(options);
  const readyUnixMs = await cluster.kube.until(
    kinds.node,
    { name: node },
    ([object]) =>
      hasCondition(object, "Ready")
        ? ready(unixNowMs())
        : notYet(object === undefined ? "no node" : "not Ready"),
    { what: `the new node ${node} to be Ready`, withinMs: registerMs, signal },
  );
  await cluster.kube
    .until(
      kinds.pod,
      { namespace: options.namespace, name: options.name },
      ([pod]) => (pod !== undefined && podReady(pod) ? ready(undefined) : notYet("not running")),
      { what: `${probe.pod} to run`, withinMs, signal },
    )
    // Real time is optional.
    .then(() => probe.prioritise())
    .catch((error: unknown) => {
      // A pod that never runs has no answer: a figure, not an error.
      if (!missedDeadline(error)) throw error;
    });
  await watchFirstAnswers(probe, readyUnixMs, options);
  const scheduledUnixMs = await probe.scheduledUnixMs();
  const histories = await probe.histories();
  const untilUnixMs = unixNowMs();
  const healError = await fault.heal().then(
    () => undefined,
    (error: unknown) => error,
  );
  const of = { startedUnixMs, readyUnixMs, untilUnixMs, scheduledUnixMs, holdsApiserver };
  return {
    observations: [...histories.values()].flatMap((h) => observationsOf(h, options, of)),
    probers: [qualityOf(found([...histories.values()][0], "history of the new pod"), startedUnixMs)],
    histories,
    notServedAtEnd: [...histories]
      .filter(([, h]) => !servedFor(h.samples, pods, quietMs))
      .map(([target]) => target),
    healError,
  };
}

/**
 * Waits until every target has answered all requests for `quietMs`, counted from its first request at the earliest, or
 * until time is up, which is no error here.
 */
export async function watchFirstAnswers(
  probe: Pick<LogProbe, "read">,
  readyUnixMs: number,
  options: Pick<FreshNodeOptions, "withinMs" | "quietMs" | "servers" | "signal">,
): Promise<void> {
  const { withinMs, quietMs, servers, signal } = options;
  const pods = new Set(servers);
  await eventually(
    async () => {
      const log = await probe.read();
      if (log === undefined) return notYet("the pod has printed nothing");
      const open = log.samples.filter((own) => !servedFor(own, pods, quietMs));
      return open.length === 0 ? ready(undefined) : notYet(`${open.length} services lose requests`);
    },
    {
      what: "the new pod to be served",
      // A service may be served at the last moment, and its quiet time ends before a read finds that.
      withinMs: Math.max(readEveryMs, readyUnixMs + withinMs + quietMs + 2 * readEveryMs - unixNowMs()),
      everyMs: readEveryMs,
      signal,
    },
  ).catch((error: unknown) => {
    if (!missedDeadline(error)) throw error;
  });
}

/** `late` is the code of a success after the deadline. */
const missedDeadline = (error: unknown): boolean =>
  error instanceof MeshproofError && ["timeout", "late"].includes(error.code);

interface Times {
  readonly startedUnixMs: number;
  readonly readyUnixMs: number;
  readonly untilUnixMs: number;
  readonly scheduledUnixMs: number | undefined;
  readonly holdsApiserver: boolean;
}

function observationsOf(history: History, options: FreshNodeOptions, of: Times): Observation[] {
  const { cluster, node, servers, round } = options;
  const { readyUnixMs, untilUnixMs } = of;
  const window = { sinceUnixMs: Math.min(readyUnixMs, history.startedAtUnixMs), untilUnixMs };
  const first = firstAnswer(history, new Set(servers), window);
  const answers = answersIn(history, window);
  const afterReady = (atUnixMs: number | undefined): number | null =>
    atUnixMs === undefined ? null : hundredths(atUnixMs - readyUnixMs);
  const suffix = of.holdsApiserver ? ", clustermesh-apiserver on the same node" : "";
  const common = {
    watchedMs: hundredths(untilUnixMs - readyUnixMs),
    errorMs: errorOf(history),
    of: cluster.name,
    at: `${cluster.name}/${node}`,
    round,
    evidence: {
      nodeStartedMs: afterReady(of.startedUnixMs),
      scheduledMs: afterReady(of.scheduledUnixMs),
      firstRequestMs: afterReady(history.startedAtUnixMs),
      lastLossMs: afterReady(
        answers.lastLossMs === undefined ? undefined : window.sinceUnixMs + answers.lastLossMs,
      ),
      sent: answers.sent,
    },
  };
  return [
    // The mesh's part: of the next time nearly all is the start of the pod.
    {
      what: `from the first request of a new pod to the first answer${suffix}`,
      unit: "ms",
      value: first === undefined ? null : hundredths(window.sinceUnixMs + first - history.startedAtUnixMs),
      ...common,
    },
    {
      what: `from Ready to the first answer of a global service with remote backends only${suffix}`,
      unit: "ms",
      value: first === undefined ? null : afterReady(window.sinceUnixMs + first),
      ...common,
    },
    { what: `requests that a new pod lost${suffix}`, unit: "requests", value: answers.lost, ...common },
  ];
}
