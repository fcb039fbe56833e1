import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import type { UnnamedLosses } from "#harness/judge/measured.ts";
import type { Scope } from "#harness/lib/scope.ts";
import type { Budgets } from "#harness/model/budgets.ts";
import type { HealthCell } from "#harness/model/health-cell.ts";
import type { Measurement } from "#harness/model/measurement.ts";
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

/** Shared by set-up and tests: created once per suite on first use, and torn down last-in-first-out. */
export interface SuiteFixtures {
  readonly run: RunContext;
  readonly mesh: Mesh;
  readonly budgets: Budgets;
  readonly images: Images;
  /** Deadlines from `budgets`, with the signal of the running set-up or test. */
  readonly within: Within;
  /** The suite's namespace in every cluster; its removal is awaited at the end. */
  readonly namespace: string;
  /** Register here how to undo what a set-up creates outside the namespace. */
  readonly cleanup: Scope;
  /** A container on the clusters' networks that belongs to no cluster; undefined if nodes are not on this machine. */
  readonly outside: string | undefined;
  /** As requested by the suite's record; ready. */
  readonly echo: EchoBackends;
}

export type Facts = Readonly<Record<string, number | string | boolean | null | undefined>>;

/** Fixtures of a single test. */
export interface TestFixtures {
  /** Keeps measured figures of this test for the report. */
  readonly keepFacts: (facts: Facts) => void;
  readonly keepHealth: (cells: HealthCell[]) => void;
  readonly keepMeasurement: (measurement: NonNullable<TestNotes["measurement"]>) => void;
  /** Keeps the measurement's requests beside the report, to be judged again. */
  readonly keepLosses: (
    losses: UnnamedLosses,
    measurement: Pick<Measurement, "runId" | "at">,
  ) => Promise<void>;
  /** A path under `histories/` for a history of this test. */
  readonly historyFile: (title: string) => string;
  /**
   * Ends the test as `unsupported`, for a capability that only the test can detect. Capabilities known beforehand
   * belong in `requires`.
   */
  readonly unsupported: (capability: string, reason: string) => never;
}

/** The clusters with the names that a suite's body uses. */
export const pairIn = (
  mesh: Mesh,
  pair: { readonly from: { readonly name: string }; readonly to: { readonly name: string } },
): { readonly from: Cluster; readonly to: Cluster } => ({
  from: mesh.cluster(pair.from.name),
  to: mesh.cluster(pair.to.name),
});
