import { type Cluster, localNode } from "#harness/cluster/cluster.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { pause } from "#harness/lib/eventually.ts";
import type { Budgets } from "#harness/model/budgets.ts";
import { vantagesOf } from "#harness/workloads/vantage.ts";
import type { Fault, FaultContext, Injected, SuiteFault } from "../fault.ts";
import { inBackground } from "./background.ts";
import { type Block, type Blocked, blockable, blockFor } from "./block.ts";
import { EchoWatch } from "./echo-watch.ts";

/**
 * METHOD.md, rule 12: a block of 1.2 times a budget, after traffic is stable, must turn its test red; one of 0.8 must not.
 */
export const thresholds = [
  { suffix: "beyond-budget", share: 1.2 },
  { suffix: "within-budget", share: 0.8 },
] as const;
export type Threshold = (typeof thresholds)[number];

/** Longer than traffic takes to move, shorter than a measurement waits for a loss. */
const stableMs = 2000;
const everyCluster = "every cluster";
const others = "the other clusters";
const struck = "that cluster";
/** Of the budget: a machine under load wakes a sleeping shell late; both blocks then still lie on their side of it. */
const exactness = 0.1;

/** Traffic that moves in the suite's tests, as the state of the echo pods shows it. */
interface Moment {
  readonly name: "failover" | "announcement" | "failback" | "restart";
  readonly budget: keyof Budgets;
  readonly after: string;
  /** Whose clients are blocked. */
  readonly of: typeof everyCluster | typeof others | typeof struck;
  /** Ends when the block begins, in a cluster that had all its backends; returns since when its time counts. */
  readonly begins: (pods: EchoWatch, signal: AbortSignal) => Promise<Pick<Block, "since">>;
}

const moments: readonly Moment[] = [
  {
    name: "failover",
    budget: "failoverMs",
    after: "the backends of a cluster are gone and traffic has moved",
    // They lose nothing else, so the sum is exact.
    of: others,
    async begins(pods, signal) {
      await pods.none();
      await pause(stableMs, signal);
      return {};
    },
  },
  {
    name: "announcement",
    budget: "failoverMs",
    after: "the EndpointSlices of that cluster name none of its backends",
    // The block begins with the fault: what is lost until the change of the EndpointSlice is no failure of the mesh.
    of: struck,
    async begins(pods) {
      await pods.fault("scale-to-zero");
      const announced = pods.announced();
      // Whoever awaits it first sees its error.
      announced.catch(() => undefined);
      return {
        async since(beganUnixMs) {
          const sinceUnixMs = await announced;
          if (sinceUnixMs < beganUnixMs)
            throw new MeshproofError(
              "fault-no-effect",
              `the EndpointSlices changed ${Math.round(beganUnixMs - sinceUnixMs)} ms before the block began`,
            );
          return sinceUnixMs;
        },
      };
    },
  },
  {
    name: "failback",
    budget: "failbackMs",
    after: "the backends of a cluster are back and so is traffic",
    of: everyCluster,
    async begins(pods, signal) {
      await pods.none();
      await pods.all();
      await pause(stableMs, signal);
      return {};
    },
  },
  {
    name: "restart",
    budget: "restartMs",
    after: "the backends of a cluster are killed",
    // With affinity local no others use them. The restart itself takes a quarter of the budget: the block contains it, so
    // that the sum is exact.
    of: struck,
    async begins(pods) {
      await pods.fault("backends-killed");
      const sinceUnixMs = unixNowMs();
      return { since: async () => sinceUnixMs };
    },
  },
];

const isBlocked = (of: Moment["of"], isStruck: boolean): boolean =>
  of === everyCluster || isStruck === (of === struck);

const blockAfter = (
  { name, budget, after, of, begins }: Moment,
  { suffix, share }: Threshold,
): SuiteFault => ({
  name: `${name}-${suffix}`,
  group: "network",
  needs: "nodes on this machine",
  does: `drops all that the clients of ${of} send for ${share} times ${budget}, once ${after}`,
  traceless: "it lasts seconds, in the middle of a test",
  needsNamespace: true,
  async inject(ctx): Promise<Injected> {
    const { mesh, namespace } = ctx;
    const all = new Map<Cluster, readonly Blocked[]>();
    for (const cluster of mesh.clusters) all.set(cluster, await clientsIn(cluster, ctx));
    const clients = [...all.values()].flat();
    await ctx.recordUndo(
      ...clients.map(({ node, podUid, mark }) => ({
        do: "remove-rules" as const,
        ...{ node: node.name, podUid, mark },
      })),
    );
    const budgetMs = mesh.state.plan.budgets[budget];
    const forMs = share * budgetMs;
    const lasted: number[] = [];
    const watch = inBackground(`the watch of ${namespace}`, async (signal) => {
      await Promise.all(
        mesh.clusters.map(async (cluster) => {
          const pods = new EchoWatch({ lab: mesh.state.lab, cluster, namespace }, signal);
          const blocked = [...all].flatMap(([c, own]) => (isBlocked(of, c === cluster) ? own : []));
          for (;;) {
            await pods.all();
            const block = { forMs, ...(await begins(pods, signal)) };
            lasted.push(...(await Promise.all(blocked.map((client) => blockFor(client, block, signal)))));
          }
        }),
      );
    });
    return {
      subject: `the clients of ${mesh.clusters.map((c) => c.name).join(" and ")}`,
      names: [...mesh.clusters.map((c) => c.name), ...clients.map((c) => c.node.name)],
      async beforeHeal() {
        await watch.stop();
        requireExact(lasted, forMs, budgetMs);
      },
    };
  },
});

/** Throws `fault-no-effect` if nothing was blocked, or for another time than `forMs`, measured by the budget. */
export function requireExact(lasted: readonly number[], forMs: number, budgetMs: number): void {
  if (lasted.length === 0)
    throw new MeshproofError("fault-no-effect", "no test moved traffic, so nothing was blocked");
  const other = lasted.filter((ms) => Math.abs(ms - forMs) > exactness * budgetMs);
  if (other.length > 0)
    throw new MeshproofError(
      "fault-no-effect",
      `a block of ${forMs} ms lasted ${other.join(" and ")} ms, so it says nothing about the threshold`,
    );
}

/** The lab's prober pods of a cluster, by node. Throws `fault-no-effect` if one is gone, and what `signal` was aborted with. */
export async function clientsIn(
  cluster: Cluster,
  { mark, signal }: Pick<FaultContext, "mark" | "signal">,
): Promise<Blocked[]> {
  const vantages = await vantagesOf(cluster.kube);
  signal.throwIfAborted();
  return Promise.all(
    vantages.map(({ node, uid }) => blockable({ node: localNode(cluster, node), podUid: uid, mark }, signal)),
  );
}

export const thresholdFaults: readonly Fault[] = moments.flatMap((moment) =>
  thresholds.map((threshold) => blockAfter(moment, threshold)),
);
