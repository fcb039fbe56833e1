import type { Artifacts, ClusterArtifacts } from "./artifacts.ts";
import { budgetsSchema, rigSchema } from "./budgets.ts";
import type { History } from "./history.ts";
import type { LabPlan, PlannedCluster, PlannedKindCluster } from "./lab-plan.ts";
import type { LabState } from "./lab-state.ts";
import { type Answers, type Disturbance, type Measurement, methodVersion } from "./measurement.ts";
import type { SettingRecord } from "./setting.ts";

/** Example records for unit tests: a test sets the fields that it needs and takes the others from here. */

export function exampleHistory(change: Partial<History>): History {
  return {
    title: "t",
    vantage: "east/w",
    target: "10.0.0.1:80",
    everyMs: 5,
    timeoutMs: 1000,
    connection: "new",
    startedAt: "",
    startedAtUnixMs: 0,
    samples: [],
    control: [],
    marks: [],
    cpuShare: 0.1,
    clockErrorMs: 0.2,
    ...change,
  };
}

const calm: Answers = { sent: 1200, lost: 0, slow: 0, latency: { p50Ms: 1, p99Ms: 3, p999Ms: 5, maxMs: 9 } };

/** A run in which nothing was lost. */
export function exampleMeasurement(change: Partial<Measurement> = {}): Measurement {
  const none: Disturbance = {
    ...calm,
    windowMs: 6000,
    recovered: true,
    censored: false,
    firstLossMs: null,
    lastLossMs: null,
    bursts: 0,
    lostTimeMs: 0,
    longestGapMs: 0,
    outageMs: 0,
    lossOutcomes: {},
  };
  return {
    method: methodVersion,
    scenario: "scale to zero",
    affinity: "local",
    struck: "east",
    client: "east",
    runId: "r",
    at: "",
    setting: { cilium: "1.19.4", kubernetes: "1.34.4", kernel: "6", machine: "2", imageSource: "source" },
    outcome: "pass",
    machineTroubles: [],
    heldForMs: 6000,
    before: calm,
    away: none,
    back: none,
    phases: {
      seen: [],
      lastGoodAfterMs: null,
      firstErrorAfterMs: null,
      firstNewAfterMs: null,
      stableAfterMs: null,
      links: [],
      accountedMs: 0,
      accountedErrorMs: 0,
      unexplainedMs: 0,
    },
    others: [],
    connections: [],
    prober: { latenessP99Ms: 1, cpuShare: 0.2, allCpuShare: 0.4, everyMs: 5, sent: 1000 },
    ...change,
  };
}

/** The setting of a tuned lab. */
export const exampleSettingRecord = (change: Partial<SettingRecord> = {}): SettingRecord => {
  const cluster = {
    cilium: "1.20.2",
    kubernetes: "1.36.4",
    controlPlanes: 1,
    workers: 1,
    kubeadm: { "etcd.unsafe-no-fsync": "true" },
    values: { "hubble.enabled": false },
  };
  return {
    tuning: "tuned",
    realTime: { probers: true, backends: true },
    machine: { cores: 2, memoryGiB: 24, kernel: "6.18" },
    imageSource: "source",
    components: { etcd: "v3.6.4" },
    profile: "default",
    serviceType: "LoadBalancer",
    networks: "shared",
    clusters: { east: cluster, west: cluster },
    workload: {
      application: "exits",
      replicas: 2,
      strategy: "Recreate",
      graceSeconds: 2,
      drainSeconds: 0,
      containers: { echo: { readinessPeriodSeconds: 1, readinessFailures: 1, preStop: null } },
    },
    probeIntervalFactor: 1,
    budgets: { probeEveryMs: 5 },
    rig: { stallMs: 1000 },
    ...change,
  };
};

export const exampleCluster = (name: string, id: number): PlannedKindCluster => ({
  kind: "kind",
  name,
  id,
  podCidr: `10.${id}.0.0/16`,
  serviceCidr: `10.10${id}.0.0/16`,
  kubernetes: "1.34.4",
  cilium: "1.19.4",
  kindConfig: {
    kind: "Cluster",
    apiVersion: "kind.x-k8s.io/v1alpha4",
    networking: {
      podSubnet: `10.${id}.0.0/16`,
      serviceSubnet: `10.10${id}.0.0/16`,
      disableDefaultCNI: true,
      kubeProxyMode: "none",
    },
    nodes: [{ role: "control-plane" }, { role: "worker" }],
  },
  values: {},
});

export function examplePlan(change: Partial<LabPlan> = {}): LabPlan {
  return {
    lab: "paper",
    profile: "default",
    tuning: "tuned",
    clusters: [exampleCluster("east", 1), exampleCluster("west", 2)],
    serviceType: "LoadBalancer",
    networks: "shared",
    suites: [],
    budgets: budgetsSchema.parse(undefined),
    rig: rigSchema.parse(undefined),
    ...change,
  };
}

/** Artifacts for a plan's clusters; the images do not exist. */
export function exampleArtifacts(plan: LabPlan = examplePlan()): Artifacts {
  const of = ({ kubernetes, cilium }: PlannedCluster): ClusterArtifacts => ({
    versions: { kubernetes, cilium },
    ciliumVersion: cilium,
    nodeImage: "meshproof/node:x",
    nodeImageId: "sha256:1",
    chartDir: "/charts/cilium",
    imageValues: {},
    ciliumImages: [],
    importArchives: [],
  });
  return {
    source: "source",
    reason: "requested",
    tools: { kind: "/bin/kind", helm: "/bin/helm" },
    clusters: Object.fromEntries(plan.clusters.map((c) => [c.name, of(c)])),
    agnhostImage: "x",
    nginxImage: "x",
    proberImage: "x",
    provenance: [{ name: "cilium", version: "v1.19.4", origin: "Go module", sum: "h1:x" }],
  };
}

/** A lab that is up and has no remover. */
export function exampleLabState(change: Partial<LabState> = {}): LabState {
  const plan = change.plan ?? examplePlan(change.lab === undefined ? {} : { lab: change.lab });
  return {
    version: 3,
    lab: plan.lab,
    owner: "root-01234567",
    phase: "up",
    runId: "r",
    createdAt: "2026-11-21T12:00:00.000Z",
    plan,
    artifacts: exampleArtifacts(plan),
    ...change,
  };
}
