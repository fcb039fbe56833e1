import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import type { Scope } from "#harness/lib/scope.ts";
import type { Budgets } from "#harness/model/budgets.ts";
import type { HealthCell } from "#harness/model/health-cell.ts";
import type { TestNotes } from "#harness/model/record.ts";
import type { RunContext } from "#harness/model/run-context.ts";
import type { EchoVariant } from "#harness/workloads/echo.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import type { Within } from "./within.ts";

/** The echo backends of a suite: one deployment in each cluster. */
export interface EchoNeed extends Omit<EchoVariant, "heartbeatImage"> {
  readonly replicas: number;
  /** They also answer the prober's heartbeats over kept connections. */
  readonly heartbeats?: boolean;
}

export interface Images {
  readonly agnhost: string;
  readonly nginx: string;
  readonly prober: string;
}

/** What set-up and tests share: made once for each suite, when first used, and torn down last-in-first-out. */
export interface SuiteFixtures {
  readonly run: RunContext;
  readonly mesh: Mesh;
  readonly budgets: Budgets;
  readonly images: Images;
  /** Deadlines from `budgets`, with the signal of what is running: the set-up, or the test. */
  readonly within: Within;
  /** A namespace of the suite's own, in every cluster; seen gone at the end. */
  readonly namespace: string;
  /** What a set-up makes outside the namespace is undone here. */
  readonly cleanup: Scope;
  /** A container on the clusters' networks that belongs to no cluster; none where nodes are not of this machine. */
  readonly outside: string | undefined;
  /** As the suite's record asks for them; ready. */
  readonly echo: EchoBackends;
}

export type Facts = Readonly<Record<string, number | string | boolean | null | undefined>>;

/** What each test has for itself. */
export interface TestFixtures {
  /** Keeps measured figures of this test for the report. */
  readonly keepFacts: (facts: Facts) => void;
  readonly keepHealth: (cells: HealthCell[]) => void;
  readonly keepMeasurement: (measurement: NonNullable<TestNotes["measurement"]>) => void;
  /** A path under `histories/` for a history of this test. */
  readonly historyFile: (title: string) => string;
  /**
   * Ends the test as `unsupported`, for a capability that only the test itself can see. What can be known before belongs
   * into `requires`.
   */
  readonly unsupported: (capability: string, reason: string) => never;
}

/** The clusters that names of a suite's body stand for. */
export const pairIn = (
  mesh: Mesh,
  pair: { readonly from: { readonly name: string }; readonly to: { readonly name: string } },
): { readonly from: Cluster; readonly to: Cluster } => ({
  from: mesh.cluster(pair.from.name),
  to: mesh.cluster(pair.to.name),
});
