import { markdownTable } from "markdown-table";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { quantile } from "#harness/lib/stats.ts";
import type { RunRecord } from "#harness/model/record.ts";
import type {
  Observation,
  PublishedRun,
  PublishedTimings,
  Timing,
  TimingTopic,
} from "#harness/model/timing.ts";

type Run = Pick<
  RunRecord,
  "runId" | "commit" | "profile" | "clusters" | "suites" | "fault" | "kernel" | "imageSource" | "budgets"
>;

/** METHOD, rule 15: limits of the instrument for a published figure. */
const limits = { latenessP99Ms: 20, latenessMaxMs: 100 } as const;

/** A run with its times. Throws `usage` for a run whose figures may not be published. */
export function publishedRun(run: Run, timings: readonly Timing[]): PublishedRun {
  const refuse = (why: string): never => {
    throw new MeshproofError("usage", `run ${run.runId} ${why}`, {
      remedy: "name a run of one version, without a fault, from a commit without changes",
    });
  };
  const { commit = "an unknown commit" } = run;
  if (!/^[0-9a-f]{7,40}$/.test(commit)) refuse(`is from ${commit}: not from a commit without changes`);
  if (run.fault !== undefined && run.fault !== null) refuse(`has fault ${run.fault}`);
  const one = (what: "cilium" | "kubernetes"): string => {
    const [first, ...others] = new Set(run.clusters.map((c) => c[what]));
    return first === undefined || others.length > 0 ? refuse(`has not one version of ${what}`) : first;
  };
  const outcomes = new Map<string, string>(
    run.suites.flatMap((s) => s.tests).map((t) => [`${t.suite} > ${t.name}`, t.outcome]),
  );
  const nameOf = (t: Timing): string => `${t.suite} > ${t.test}`;
  for (const t of timings)
    if (!outcomes.has(nameOf(t))) refuse(`has times of ${nameOf(t)}, and no outcome of it`);
  const isSpoiled = (t: Timing): boolean =>
    !["pass", "fail"].includes(outcomes.get(nameOf(t)) ?? "") || troublesOf(t).length > 0;
  return {
    runId: run.runId,
    commit,
    cilium: one("cilium"),
    kubernetes: one("kubernetes"),
    lab: run.clusters.length > 2 ? `${run.profile}, ${run.clusters.length} clusters` : run.profile,
    nodes: run.clusters.map((c) => `${c.name}: ${c.nodes.length}`),
    kernel: run.kernel,
    imageSource: run.imageSource,
    budgets: run.budgets,
    failed: timings.filter((t) => outcomes.get(nameOf(t)) === "fail").map(nameOf),
    spoiled: timings.filter(isSpoiled).map((t) => [nameOf(t), ...troublesOf(t)].join(": ")),
    timings: timings.filter((t) => !isSpoiled(t)),
  };
}

/** Why the instrument was too coarse for a published figure. */
function troublesOf({ probers, everyMs }: Timing): string[] {
  return probers.flatMap((p) => [
    ...(p.latenessP99Ms > limits.latenessP99Ms ? [`${p.at} sent 1 % of its requests over 20 ms late`] : []),
    ...(p.latenessMaxMs > limits.latenessMaxMs ? [`${p.at} stood still for over 100 ms`] : []),
    ...(p.clockErrorMs > everyMs ? [`the clock of ${p.at} may differ by more than one interval`] : []),
  ]);
}

/** With new runs; one that is there already is replaced. */
export function withRuns({ runs }: PublishedTimings, added: readonly PublishedRun[]): PublishedTimings {
  const byId = new Map([...runs, ...added].map((r) => [r.runId, r]));
  return { schema: 1, runs: [...byId.values()].sort((a, b) => (a.runId < b.runId ? -1 : 1)) };
}

interface Row {
  readonly run: PublishedRun;
  readonly tuned: boolean;
  readonly labs: number;
  readonly what: string;
  readonly observations: readonly Observation[];
}

/** Only times with equal hashes of setting and sources are pooled. */
function rowsOf(runs: readonly PublishedRun[], topic: TimingTopic): Row[] {
  const all = runs.flatMap((run) => run.timings.map((timing) => ({ run, timing })));
  const own = all.filter(({ timing }) => timing.topic === topic);
  const pools = Map.groupBy(own, ({ run, timing: { identity } }) =>
    JSON.stringify([run.cilium, identity.settingHash, identity.sourceHash]),
  );
  return [...pools.values()].flatMap((pool) => {
    const first = found(pool[0], `times of ${topic}`);
    const observations = pool.flatMap(({ timing }) => timing.observations);
    return [...Map.groupBy(observations, (o) => o.what)].map(([what, of]) => ({
      run: first.run,
      tuned: first.timing.identity.tuned,
      labs: new Set(pool.map(({ timing }) => timing.identity.lab)).size,
      what,
      observations: of,
    }));
  });
}

const text = (value: number, unit: Observation["unit"]): string =>
  unit === "share"
    ? `${Math.round(value * 100)} %`
    : unit === "requests"
      ? String(value)
      : Math.abs(value) >= 10_000
        ? `${(value / 1000).toFixed(1)} s`
        : `${Math.round(value)} ms`;

/** The q-quantile with what did not happen as the largest values; censored ones read `> 20 s`. */
function quantileText(observations: readonly Observation[], q: number): string {
  const unit = observations[0]?.unit ?? "ms";
  const largest = quantile(
    observations.map((o) => o.value ?? Number.POSITIVE_INFINITY),
    q,
  );
  if (largest !== Number.POSITIVE_INFINITY) return text(largest, unit);
  const watched = Math.min(...observations.filter((o) => o.value === null).map((o) => o.watchedMs));
  return unit === "ms" ? `> ${text(watched, "ms")} (not seen)` : "not seen";
}

const cells = ({ run, tuned, labs, what, observations }: Row): string[] => [
  run.cilium,
  what,
  String(observations.length),
  String(labs),
  String(observations.filter((o) => o.value === null).length),
  quantileText(observations, 0.5),
  observations.length >= 20 ? quantileText(observations, 0.95) : `largest of ${observations.length}`,
  quantileText(observations, 1),
  `${Math.max(...observations.map((o) => o.errorMs)).toFixed(1)} ms`,
  `${run.lab}, ${tuned ? "tuned" : "untuned"}`,
];

const titles: Readonly<Record<TimingTopic, readonly [title: string, explains: string]>> = {
  propagation: [
    "How long a change takes to reach the traffic of the other clusters",
    "A change in one cluster, counted from the moment at which its API server confirmed it, until the first or the last answer of a client on a node of another cluster. n counts changes times nodes. Each client opens a connection every 5 ms. A new identity includes what its own agent waits by Cilium's configuration: a random delay of up to 30 s (cilium-identity-max-jitter), and 5 s before the endpoint uses it (identity-change-grace-period). Until then the agent also defers new policies for that pod.",
  ],
  "fresh-node": [
    "How long a new node takes to reach global services",
    "A worker was drained and stopped, its Node and CiliumNode were deleted and Cilium's state wiped; then it was started again. Seen by a pod that waits to be scheduled there, at services with backends in other clusters only.",
  ],
  "recovery-overload": [
    "What the first backend receives that returns",
    "Affinity local, both local replicas gone, the other clusters serve; then one replica returns, and later the other.",
  ],
  membership: [
    "How long a cluster takes to join and to leave a mesh",
    "The third cluster is removed from the Helm values of every cluster and added again. Counted from the moment at which Helm returned for the clients' cluster; kubelet, clustermesh-apiserver and agents follow in their own time.",
  ],
  "dead-cluster": [
    "How long clients are sent to a cluster that died",
    "Every node of a cluster is stopped at once. Counted from the stop until the last lost request of a client of another cluster. `cacheTTL` begins when the loss is noticed: two heartbeats of a minute (pkg/kvstore/kvstore.go) and a status check, whose interval grows with the number of nodes (pkg/kvstore/backend.go). So 30 s of it are about two and a half minutes for clients.",
  ],
  "failover-delays": [
    "Whether a planted delay is measured in its link",
    "A deployment of one backend is scaled to zero, without a delay and with one of a known size in one link of the chain; each round gives a pair. `measured`: how much longer the link was than without the delay. `by the fault's record`: for how long the fault really held it back. Rule: the medians of the two differ by at most the larger of 10 % and 30 ms, of at least 15 pairs. A fault learns of the change before the link by a watch of its own, of the same kind as the measurement's, so its record has that error too. No delay can be planted between `agent updated` and `BPF map changed`, and between the map and traffic: these two links are not validated.",
  ],
};

/** The page of a topic. */
export function timingsPage({ runs }: PublishedTimings, topic: TimingTopic): string {
  const [title, explains] = titles[topic];
  const rows = rowsOf(runs, topic);
  const of = runs.filter((r) => r.timings.some((t) => t.topic === topic));
  const notes = runs.flatMap((r) => [
    ...r.failed
      .filter((f) => f.startsWith(`${topic} > `))
      .map((f) => `- ${r.runId}: failed, its figures count: ${f}`),
    ...r.spoiled
      .filter((f) => f.startsWith(`${topic} > `))
      .map((f) => `- ${r.runId}: spoiled by the test machine, left out: ${f}`),
  ]);
  return [
    `# ${title}`,
    "",
    "Generated by `npm run timings` from real runs (`reports/published/timings.json`). Do not edit.",
    "",
    explains,
    "",
    rows.length === 0
      ? "No run is published yet."
      : [
          markdownTable([
            ["Cilium", "what", "n", "labs", "not seen", "median", "p95", "largest", "error at most", "lab"],
            ...rows.map(cells),
          ]),
          markdownTable([
            ["run", "Cilium", "Kubernetes", "lab", "nodes", "kernel", "commit"],
            ...of.map((r) => [
              r.runId,
              r.cilium,
              r.kubernetes,
              r.lab,
              r.nodes.join(", "),
              r.kernel,
              r.commit,
            ]),
          ]),
          ...(notes.length === 0 ? [] : [notes.join("\n")]),
        ].join("\n\n"),
    "",
  ].join("\n");
}
