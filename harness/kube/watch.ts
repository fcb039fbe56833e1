import type { KubeConfig } from "@kubernetes/client-node";
import { monotonicMs } from "#harness/lib/clock.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import {
  type EventuallyOptions,
  type Look,
  lateError,
  pause,
  throwIfAborted,
} from "#harness/lib/eventually.ts";
import type { ApiClient } from "./api-client.ts";
import { clientNode } from "./client-node.ts";
import { collectionPath, type KindRef, type KubeObject, nameOf } from "./kinds.ts";
import type { ApiObjects, ObjectList, Where } from "./objects.ts";

/** Maximum duration of one watch of `until`, so that a lost connection is noticed. */
const renewMs = 30_000;
const followMs = 3_600_000;

/** Waits for and follows changes of objects: a list, then a watch from its version, repeated until the end. */
export class ObjectWatcher {
  readonly #client: ApiClient;
  readonly #objects: ApiObjects;

  constructor(client: ApiClient, objects: ApiObjects) {
    this.#client = client;
    this.#objects = objects;
  }

  /**
   * Watches objects until `judge` is done; a timeout error contains the last observed state. Done only after the
   * deadline is `late`.
   */
  async until<T>(
    kind: KindRef,
    where: Where & { readonly name?: string },
    judge: (objects: readonly KubeObject[]) => Look<T>,
    options: EventuallyOptions,
  ): Promise<T> {
    const startedMs = monotonicMs();
    const named = (object: KubeObject): boolean =>
      where.name === undefined || object.metadata.name === where.name;
    let seen = "nothing yet";
    let cause: unknown;
    let looks = 0;
    const look = (objects: readonly KubeObject[]): Look<T> => {
      looks += 1;
      cause = undefined;
      const found = judge(objects);
      if (!found.done) seen = found.seen;
      return found;
    };
    const inTime = (value: T): T => {
      const spentMs = monotonicMs() - startedMs;
      if (spentMs < options.withinMs) return value;
      throw lateError({ ...options, spentMs, looks, seen });
    };
    for (;;) {
      throwIfAborted(options.signal, options.what);
      const leftMs = options.withinMs - (monotonicMs() - startedMs);
      if (leftMs <= 0) {
        throw new MeshproofError(
          "timeout",
          `waited ${Math.round(options.withinMs / 1000)}s for ${options.what} in ${this.#client.cluster} (${looks} looks); last seen: ${seen}`,
          { cause },
        );
      }
      try {
        const listed = await this.#objects.list(kind, where);
        const objects = byIdentity(listed.items.filter(named));
        const first = look([...objects.values()]);
        if (first.done) return inTime(first.value);
        const found = await watchOnce(
          this.#client.config,
          { kind, where, from: listed, forMs: Math.min(leftMs, renewMs), signal: options.signal },
          (phase, object) => {
            if (!named(object)) return undefined;
            update(objects, phase, object);
            const next = look([...objects.values()]);
            return next.done ? next : undefined;
          },
        );
        if (found !== undefined) return inTime(found.value);
      } catch (error) {
        if (error instanceof MeshproofError && (error.code === "aborted" || error.code === "late"))
          throw error;
        seen = messageOf(error);
        cause = error;
      }
      await pause(200, options.signal);
    }
  }

  /**
   * Reports every change of some objects until the signal fires. Unlike `until` it keeps one watch as long as the server
   * does: changes during a renewal would get a late timestamp.
   */
  async follow(
    kind: KindRef,
    where: Where,
    onChange: (objects: readonly KubeObject[]) => void,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      try {
        const listed = await this.#objects.list(kind, where);
        const objects = byIdentity(listed.items);
        onChange([...objects.values()]);
        await watchOnce(
          this.#client.config,
          { kind, where, from: listed, forMs: followMs, signal },
          (phase, object) => {
            update(objects, phase, object);
            onChange([...objects.values()]);
            return undefined;
          },
        );
      } catch {
        // An unavailable API server is part of the measurement, so requests are repeated until the end.
      }
      await pause(100, signal).catch(() => {});
    }
  }
}

const identityOf = (object: KubeObject): string => object.metadata.uid ?? nameOf(object);

const byIdentity = (objects: readonly KubeObject[]): Map<string, KubeObject> =>
  new Map(objects.map((o) => [identityOf(o), o]));

function update(objects: Map<string, KubeObject>, phase: string, object: KubeObject): void {
  if (phase === "DELETED") objects.delete(identityOf(object));
  else objects.set(identityOf(object), object);
}

interface WatchOptions {
  readonly kind: KindRef;
  readonly where: Where;
  readonly from: ObjectList;
  readonly forMs: number;
  readonly signal: AbortSignal;
}

/** One watch: resolves with the first result of `onEvent`, or with undefined when the watch ends. */
async function watchOnce<T>(
  config: KubeConfig,
  { kind, where, from, forMs, signal }: WatchOptions,
  onEvent: (phase: string, object: KubeObject) => { done: true; value: T } | undefined,
): Promise<{ value: T } | undefined> {
  return new Promise((resolve) => {
    let controller: AbortController | undefined;
    let isDone = false;
    const finish = (result: { value: T } | undefined): void => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      controller?.abort();
      resolve(result);
    };
    const stop = (): void => finish(undefined);
    const timer = setTimeout(stop, forMs);
    signal.addEventListener("abort", stop);
    new (clientNode().Watch)(config)
      .watch(
        collectionPath(kind, where.namespace),
        { resourceVersion: from.resourceVersion, labelSelector: where.labelSelector },
        (phase, object) => {
          if (isDone || phase === "BOOKMARK") return;
          if (phase === "ERROR") return stop();
          const result = onEvent(phase, object as KubeObject);
          if (result !== undefined) finish(result);
        },
        stop,
      )
      .then((c) => {
        controller = c;
        if (isDone) c.abort();
      }, stop);
  });
}
