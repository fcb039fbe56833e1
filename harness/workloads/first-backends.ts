import { type Kube, type KubeObject, kinds } from "#harness/kube/kube.ts";
import { found } from "#harness/lib/found.ts";
import { prioritisePods } from "#harness/platform/priority.ts";

/** Pods of a cluster, by namespace and labels. */
export interface BackendPods {
  readonly kube: Pick<Kube, "list" | "follow">;
  readonly namespace: string;
  readonly labelSelector: string;
}

interface FirstOptions {
  readonly signal: AbortSignal;
  /** Moves pods, by their uid, into real time; unit tests replace it. */
  readonly move?: typeof prioritisePods;
}

/**
 * Keeps backends in real time until it is disposed: those that run, and every container that starts later. A restart, a
 * roll-out and the return of a service replace backends; on two cores the new ones waited up to four seconds for a
 * processor, and lost requests that the mesh had delivered.
 */
export class FirstBackends implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #seen = new Set<string>();
  readonly #moving = new Set<Promise<boolean>>();
  readonly #move: typeof prioritisePods;
  #reached = false;

  private constructor(move: typeof prioritisePods) {
    this.#move = move;
  }

  /** Returns when what runs now was moved, as far as the machine lets it. */
  static async start(
    backends: readonly BackendPods[],
    { signal, move = prioritisePods }: FirstOptions,
  ): Promise<FirstBackends> {
    const first = new FirstBackends(move);
    const running = await Promise.all(
      backends.map(({ kube, namespace, labelSelector }) => kube.list(kinds.pod, namespace, labelSelector)),
    );
    first.#reached = await first.#moveNew(running.flat());
    const until = AbortSignal.any([signal, first.#stop.signal]);
    for (const { kube, namespace, labelSelector } of backends)
      void kube.follow(kinds.pod, { namespace, labelSelector }, (pods) => first.#take(pods), until);
    return first;
  }

  /** Whether what ran at the beginning is in real time. */
  get reached(): boolean {
    return this.#reached;
  }

  #take(pods: readonly KubeObject[]): void {
    if (this.#stop.signal.aborted) return;
    const moving = this.#moveNew(pods).catch(() => false);
    this.#moving.add(moving);
    void moving.then(() => this.#moving.delete(moving));
  }

  /** A pod whose container starts again keeps its uid, so a container decides whether the pod is new. */
  async #moveNew(pods: readonly KubeObject[]): Promise<boolean> {
    const fresh = pods.filter((pod) => {
      const ids = runningContainers(pod).filter((id) => !this.#seen.has(id));
      for (const id of ids) this.#seen.add(id);
      return ids.length > 0;
    });
    if (fresh.length === 0) return false;
    const moved = await this.#move(fresh.map((p) => found(p.metadata.uid, `uid of pod ${p.metadata.name}`)));
    // The next change of the pod tries it again.
    if (!moved) for (const id of fresh.flatMap(runningContainers)) this.#seen.delete(id);
    return moved;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#moving);
  }
}

const runningContainers = ({ status }: KubeObject): string[] =>
  (status?.containerStatuses ?? []).flatMap((c: { state?: { running?: unknown }; containerID?: string }) =>
    c.state?.running === undefined || c.containerID === undefined ? [] : [c.containerID],
  );
