import { type KvFolder, watchBackends } from "#harness/cilium/kvstore/service-watch.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { KindNode } from "#harness/cluster/kind/kind-node.ts";
import { continueAt, continueProcesses, stopProcesses } from "#harness/cluster/kind/node-control.ts";
import { endpointsLeft } from "#harness/kube/endpoint-slices.ts";
import { kinds } from "#harness/kube/kube.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { eventually, notYet, pause, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import type { SuiteFault, SuiteFaultContext } from "../fault.ts";
import { toZero } from "./scale.ts";

/** An interval of delay that a fault added, from its own record, on the harness's clock. */
export interface Held {
  readonly fromUnixMs: number;
  readonly untilUnixMs: number;
}

/** A fault that scales a deployment to zero with a delay in one link of the chain, and records what it really added. */
export interface PlantedDelay {
  readonly fault: SuiteFault;
  /** What it added to the link that ends at the given time; the error does not contain that of the boundary before it. */
  added(at: { readonly faultUnixMs: number; readonly boundaryUnixMs: number }): {
    readonly ms: number;
    readonly errorMs: number;
  };
}

/** A watch of the boundary after which the delay begins; it is open before anything happens. */
interface Earlier extends AsyncDisposable {
  /** When it was reached, on the harness's clock. */
  reached(): Promise<number>;
}

export type EarlierBoundary = (ctx: SuiteFaultContext) => Promise<Earlier>;

interface ProcessHold {
  readonly name: string;
  /** The cluster that loses its backends. */
  readonly target: Cluster;
  readonly deployment: string;
  /** Where the process is stopped (SIGSTOP), and what `pkill -f` finds it by. */
  readonly nodes: () => Promise<readonly KindNode[]>;
  readonly process: string;
  readonly earlier: EarlierBoundary;
  readonly holdMs: number;
}

/** Scales to zero while processes of the mesh stand still, until `holdMs` after the earlier boundary. */
export function processHeld(hold: ProcessHold): PlantedDelay {
  let added = { ms: 0, errorMs: 0 };
  const fault: SuiteFault = {
    name: hold.name,
    group: "control-plane",
    needs: "clusters created by Meshproof",
    does: `stops ${hold.process} until ${hold.holdMs} ms after the change before it`,
    needsNamespace: true,
    async inject(ctx) {
      await using earlier = await hold.earlier(ctx);
      const nodes = await hold.nodes();
      const goOn = nodes.map(({ name }) => ({ do: "continue" as const, node: name, process: hold.process }));
      await ctx.recordUndo(...goOn);
      try {
        // All have ended before a failure of one makes them go on.
        const stopped = await Promise.allSettled(
          nodes.map((node) => stopProcesses(node, hold.process, ctx.signal)),
        );
        for (const result of stopped) if (result.status === "rejected") throw result.reason;
        const subject = await toZero(ctx, hold.target.kube, ctx.namespace, hold.deployment);
        // Again: undo steps run in reverse order, and the step that scales back waits for pods.
        await ctx.recordUndo(...goOn);
        added = await holdFor(hold, nodes, earlier, ctx.signal);
        return { subject, names: [hold.target.name, ...nodes.map((n) => n.name)] };
      } catch (error) {
        const signal = AbortSignal.timeout(20_000);
        await Promise.all(nodes.map((node) => continueProcesses(node, hold.process, signal)));
        throw error;
      }
    },
  };
  return { fault, added: () => added };
}

async function holdFor(
  { process, holdMs }: ProcessHold,
  nodes: readonly KindNode[],
  earlier: Earlier,
  signal: AbortSignal,
): Promise<{ readonly ms: number; readonly errorMs: number }> {
  const fromUnixMs = await earlier.reached();
  await pause(Math.max(0, fromUnixMs + holdMs - unixNowMs()), signal);
  const { atUnixMs, errorMs } = await continueAt(nodes, process, signal);
  return { ms: atUnixMs - fromUnixMs, errorMs };
}

/** No endpoint of the service counts any more; for clients of other clusters none that serves. */
export const slicesEmpty =
  (target: Cluster, service: string, abroad: boolean) =>
  async ({ namespace, signal }: SuiteFaultContext): Promise<Earlier> => {
    const stop = new AbortController();
    const watched = new Watched(signal);
    void target.kube.follow(
      kinds.endpointSlice,
      { namespace, labelSelector: `kubernetes.io/service-name=${service}` },
      (slices) => watched.saw(endpointsLeft(slices, abroad), unixNowMs()),
      AbortSignal.any([signal, stop.signal]),
    );
    return watched.opened(`the EndpointSlices of ${service}`, {
      async [Symbol.asyncDispose]() {
        stop.abort();
      },
    });
  };

/** A kvstore holds no backend of the target cluster any more. */
export const kvstoreEmpty =
  (folder: KvFolder, of: { readonly target: Cluster; readonly client: Cluster; readonly service: string }) =>
  async ({ namespace, signal }: SuiteFaultContext): Promise<Earlier> => {
    const watched = new Watched(signal);
    const watch = await watchBackends({ ...of, namespace }, folder, (atUnixMs, left) =>
      watched.saw(left, atUnixMs),
    );
    return watched.opened(`${of.service} in the kvstore (${folder})`, watch);
  };

/** A count of backends, and when it became zero. */
class Watched {
  readonly #signal: AbortSignal;
  #left: number | undefined;
  #zeroUnixMs: number | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  saw(left: number, atUnixMs: number): void {
    this.#left = left;
    if (left === 0) this.#zeroUnixMs ??= atUnixMs;
  }

  /** Once the watch has reported backends. */
  async opened(what: string, watch: AsyncDisposable): Promise<Earlier> {
    const wait = { what, withinMs: preparedWithinMs, everyMs: 2, signal: this.#signal };
    await eventually(async () => ((this.#left ?? 0) > 0 ? ready(undefined) : notYet("no backend")), wait);
    return {
      reached: () =>
        eventually(
          async () =>
            this.#zeroUnixMs === undefined ? notYet(`${this.#left} backends`) : ready(this.#zeroUnixMs),
          { ...wait, what: `${what} to be empty` },
        ),
      [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose](),
    };
  }
}
