import fc from "fast-check";
import type { Artifacts } from "./artifacts.ts";
import { exampleArtifacts, exampleCluster, exampleMeasurement, examplePlan } from "./examples.ts";
import type { Finding } from "./finding.ts";
import type { KillMatrix } from "./kill-matrix.ts";
import type { LabState } from "./lab-state.ts";
import { affinities, boundaries, type Measurement } from "./measurement.ts";
import type { RunRecord } from "./record.ts";
import { tunings } from "./tuning.ts";
import type { JournalEntry } from "./undo.ts";
import { outcomes } from "./verdict.ts";

// Arbitrary records for property tests. Not generated from the schemas, because the schemas are under test.

export const text = fc.string({ maxLength: 12, unit: "grapheme" });
export const texts = fc.array(text, { maxLength: 3 });
export const whole = fc.nat();
/** Numbers that survive JSON: finite, and not -0. */
export const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n || 0);
export const flag = fc.boolean();
export const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
export const by = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc.dictionary(name, value, { maxKeys: 3, noNullPrototype: true });
export const many = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(value, { maxLength: 3 });
/** Any value in YAML or in an API server. */
const anything: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: "small" }, text, number, flag, fc.constant(null), tie("list"), tie("mapping")),
  list: many(tie("value")),
  mapping: by(tie("value")),
})).value;
export const mapping = by(anything);
/** A record with some of its optional keys. */
export const some = <T extends object, O extends object>(
  required: { [K in keyof T]: fc.Arbitrary<T[K]> },
  optional: { [K in keyof O]: fc.Arbitrary<O[K]> },
): fc.Arbitrary<T & Partial<O>> =>
  fc
    .tuple(fc.record(required), fc.record(optional, { requiredKeys: [] }))
    .map(([a, b]) => ({ ...a, ...b }) as unknown as T & Partial<O>);

const pids = { pid: whole, pidStart: text };
const boot = { bootId: text };

const plan = examplePlan();
const { kindConfig } = exampleCluster("east", 1);
const anyCluster = { name, id: whole, podCidr: text, serviceCidr: text, kubernetes: text, cilium: text };
const planned = fc.oneof(
  some(
    { kind: fc.constant("kind" as const), ...anyCluster, values: mapping },
    { podCidr6: text, manifests: many(mapping) },
  ).map((c) => ({ ...c, kindConfig: { ...kindConfig, featureGates: { A: true } } })),
  some(
    {
      kind: fc.constant("external" as const),
      ...anyCluster,
      ...{ kubeconfig: text, context: text, networks: texts },
      ...{ hasApiserver: flag, hasKvstoreMesh: flag, routesNatively: flag, assignsLoadBalancerIPs: flag },
    },
    { podCidr6: text },
  ),
);
const meshing = some(
  {
    by: text,
    added: many(fc.record({ what: text, why: text })),
    commands: many(fc.record({ command: text, output: text, found: texts })),
  },
  { note: text },
);
const provenance = some({ name: text, version: text, origin: text, sum: text }, { notes: texts });
const clusterArtifacts = some(
  {
    versions: fc.record({ kubernetes: text, cilium: text }),
    ciliumVersion: text,
    nodeImage: text,
    nodeImageId: text,
    chartDir: text,
    imageValues: mapping,
    ciliumImages: texts,
    importArchives: texts,
  },
  { mirror: text },
);
export const artifacts: fc.Arbitrary<Artifacts> = fc
  .tuple(by(clusterArtifacts), many(provenance))
  .map(([clusters, all]) => ({ ...exampleArtifacts(), clusters, provenance: all }));
export const labState: fc.Arbitrary<LabState> = some(
  {
    version: fc.constant(3 as const),
    lab: name,
    owner: text,
    phase: fc.constantFrom("creating", "meshing", "up", "removing"),
    runId: text,
    createdAt: text,
    plan: fc
      .tuple(many(planned), fc.constantFrom(...tunings))
      .map(([clusters, tuning]) => ({ ...plan, clusters, tuning })),
    artifacts,
  },
  {
    remover: some(pids, boot),
    meshing,
    calibration: fc.record({
      medianMs: number,
      runs: fc.array(fc.record({ cpuMs: number, requestsMs: number }), { minLength: 1, maxLength: 3 }),
    }),
  },
);

const kind = fc.constantFrom("service", "ciliumNode", "networkPolicy");
const undo: fc.Arbitrary<JournalEntry["undo"][number]> = fc.oneof(
  some({ do: fc.constant("remove-rules" as const), node: text, mark: text }, { podUid: text }),
  fc.record({ do: fc.constant("remove-routing-rule" as const), node: text, to: text }),
  fc.record({
    do: fc.constant("scale" as const),
    cluster: text,
    namespace: text,
    name: text,
    replicas: whole,
  }),
  some(
    { do: fc.constant("merge" as const), cluster: text, kind, name: text, patch: mapping },
    { namespace: text },
  ),
  fc.record({ do: fc.constant("apply" as const), cluster: text, object: mapping }),
  some({ do: fc.constant("remove" as const), cluster: text, kind, name: text }, { namespace: text }),
  fc.record({ do: fc.constantFrom("unpause", "start"), node: text }),
  fc.record({ do: fc.constant("continue" as const), node: text, process: text }),
  some(
    { do: fc.constant("agent-command" as const), cluster: text, node: text, argv: texts },
    { onlyWhile: fc.record({ cluster: text, endpointIp: text }) },
  ),
  fc.record({ do: fc.constant("kvstore-put" as const), cluster: text, key: text, value: text }),
  fc.record({ do: fc.constant("kvstore-remove" as const), cluster: text, key: text }),
  some(
    { do: fc.constant("replace-pods" as const), cluster: text, selector: text },
    { namespace: text, node: text },
  ),
  fc.record({ do: fc.constant("set-cache-ttl" as const), cluster: text, cacheTtl: text }),
  fc.record({ do: fc.constant("await-nodes" as const), cluster: text }),
  fc.record({ do: fc.constant("await-mesh" as const) }),
);
export const journalEntry: fc.Arbitrary<JournalEntry> = some(
  {
    version: fc.constant(1 as const),
    ...pids,
    id: text,
    fault: text,
    injectedAt: text,
    undo: many(undo),
  },
  boot,
);

const latency = fc.record({ p50Ms: number, p99Ms: number, p999Ms: number, maxMs: number });
const answers = { sent: whole, lost: whole, slow: whole, latency: fc.option(latency) };
const disturbance = {
  ...answers,
  windowMs: number,
  recovered: flag,
  censored: flag,
  firstLossMs: fc.option(number),
  lastLossMs: fc.option(number),
  bursts: whole,
  lostTimeMs: number,
  longestGapMs: number,
  outageMs: number,
  lossOutcomes: by(whole),
};
const boundary = fc.constantFrom(...boundaries);
export const measurement: fc.Arbitrary<Measurement> = fc
  .record({
    affinity: fc.constantFrom(...affinities),
    outcome: fc.constantFrom("pass", "fail", "unknown"),
    machineTroubles: texts,
    heldForMs: number,
    before: fc.record(answers),
    away: fc.record(disturbance),
    back: fc.record(disturbance),
    phases: fc.record({
      seen: many(fc.record({ boundary, afterMs: fc.option(number), errorMs: number })),
      lastGoodAfterMs: fc.option(number),
      firstErrorAfterMs: fc.option(number),
      firstNewAfterMs: fc.option(number),
      stableAfterMs: fc.option(number),
      links: many(fc.record({ upTo: boundary, ms: number, errorMs: number, resolved: flag })),
      accountedMs: number,
      accountedErrorMs: number,
      unexplainedMs: number,
    }),
    others: many(
      fc.record({
        ...disturbance,
        ...{ title: text, cluster: text, everyMs: number, latenessP99Ms: number },
        back: fc.record(disturbance),
        before: fc.record(answers),
      }),
    ),
    connections: many(
      fc.record({
        kind: fc.constantFrom("http keep-alive", "tcp heartbeat", "udp flow"),
        fate: fc.constantFrom("survived", "reset", "stalled"),
        longestGapMs: number,
        lost: whole,
        lossOutcomes: by(whole),
      }),
    ),
  })
  .map((change) => exampleMeasurement(change));

export const finding: fc.Arbitrary<Finding> = fc.record({
  severity: fc.constantFrom("broken", "suspect", "unread"),
  ...{ layer: text, cluster: text, subject: text, message: text, next: text },
});
export const faults = many(
  fc.record({
    name: text,
    group: text,
    does: text,
    subject: text,
    durationMs: number,
    run: text,
    errors: texts,
  }),
);
export const cells = many(
  fc.record({
    fault: text,
    test: text,
    state: fc.constantFrom("killed", "unnamed", "weak", "survived", "broke", "green", "unknown"),
    outcome: fc.constantFrom(...outcomes),
    message: text,
  }),
);
const killMatrix: fc.Arbitrary<KillMatrix> = fc.record({
  ...{ faults, cells, tests: texts, survivors: texts, unkilled: texts },
});
const notes = fc.record(
  {
    facts: by(fc.oneof(number, text, flag, fc.constant(null))),
    histories: texts,
    healthCells: many(
      fc.record({
        ...{ from: text, to: text, detail: text, latencyMs: fc.option(number) },
        path: fc.constantFrom("host ICMP", "host HTTP", "endpoint ICMP", "endpoint HTTP"),
        state: fc.constantFrom("ok", "failed", "unknown", "stale"),
      }),
    ),
    measurement: measurement.map(({ outcome: _, ...rest }) => rest),
    fault: fc.record({ name: text, subject: text, names: texts }),
    unsupported: fc.record({ capability: text, reason: text }),
    skipped: text,
  },
  { requiredKeys: [] },
);
const suite = some(
  {
    ...{ name: text, goal: text, method: text, errors: texts, durationMs: number },
    tests: many(
      some(
        {
          ...{ suite: text, name: text, reasons: texts, durationMs: number, notes },
          outcome: fc.constantFrom(...outcomes),
        },
        { error: some({ code: text }, { remedy: text }), spec: text },
      ),
    ),
  },
  { findings: many(finding), failureMeans: text, tags: texts },
);
export const runRecord: fc.Arbitrary<RunRecord> = some(
  {
    schema: fc.constant(1 as const),
    ...{ runId: text, startedAt: text, durationMs: number, command: text, lab: text, profile: text },
    ...{ fault: fc.option(text), kernel: text, meshproof: text, imageSource: text, imageReason: text },
    clusters: many(
      fc.record({
        ...{ name, id: whole, podCidr: text, serviceCidr: text, nodes: texts },
        ...{ kubernetes: text, cilium: text, nodeImage: text, nodeImageId: text },
      }),
    ),
    provenance: many(provenance),
    budgets: by(number),
    suites: many(suite),
    totals: fc.record({
      ...{ pass: whole, fail: whole, unsupported: whole, skipped: whole, unknown: whole, errors: whole },
    }),
    exitCode: whole,
  },
  {
    killMatrix,
    meshing,
    shard: fc
      .integer({ min: 1, max: 1000 })
      .chain((of) => fc.record({ index: fc.integer({ min: 1, max: of }), of: fc.constant(of) })),
    redactions: many(fc.record({ file: text, kind: text, count: whole })),
  },
);
