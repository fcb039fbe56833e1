import type { EventuallyOptions, Look } from "#harness/lib/eventually.ts";
import { ApiClient } from "./api-client.ts";
import { type ExecResult, execInPod, type PodProcess, type PodProgram, startInPod } from "./exec.ts";
import { getJsonInPod, type InPod } from "./in-pod.ts";
import { type KindRef, type KubeObject, kinds } from "./kinds.ts";
import { containerLog, type LogOptions } from "./logs.ts";
import { ApiObjects } from "./objects.ts";
import { mayDo, type Right } from "./rights.ts";
import { ObjectWatcher } from "./watch.ts";

export type { ExecResult, PodProcess } from "./exec.ts";
export { type KindRef, type KubeObject, kinds } from "./kinds.ts";

/** One cluster's API server. */
export class Kube {
  readonly #client: ApiClient;
  readonly #objects: ApiObjects;
  readonly #watcher: ObjectWatcher;
  readonly cluster: string;

  constructor(cluster: string, kubeconfig: string, context?: string) {
    this.cluster = cluster;
    this.#client = new ApiClient(cluster, kubeconfig, context);
    this.#objects = new ApiObjects(this.#client);
    this.#watcher = new ObjectWatcher(this.#client, this.#objects);
  }

  /** Server-side apply: creates or changes an object, taking over fields of other managers. Returns the new state. */
  apply(object: KubeObject): Promise<KubeObject> {
    return this.#objects.apply(object);
  }

  /** A JSON merge patch; `null` removes a field. */
  merge(
    kind: KindRef,
    namespace: string | undefined,
    name: string,
    patch: Record<string, unknown>,
  ): Promise<KubeObject> {
    return this.#objects.merge(kind, namespace, name, patch);
  }

  get(kind: KindRef, namespace: string | undefined, name: string): Promise<KubeObject | undefined> {
    return this.#objects.get(kind, namespace, name);
  }

  async list(kind: KindRef, namespace?: string, labelSelector?: string): Promise<KubeObject[]> {
    return (await this.#objects.list(kind, { namespace, labelSelector })).items;
  }

  /** Deletes without waiting; a missing object is no error. */
  remove(kind: KindRef, namespace: string | undefined, name: string, graceSeconds?: number): Promise<void> {
    return this.#objects.remove(kind, namespace, name, graceSeconds);
  }

  /** Watches objects until `judge` is done; a timeout error contains the last observed state. */
  until<T>(
    kind: KindRef,
    where: { namespace?: string; name?: string; labelSelector?: string },
    judge: (objects: readonly KubeObject[]) => Look<T>,
    options: EventuallyOptions,
  ): Promise<T> {
    return this.#watcher.until(kind, where, judge, options);
  }

  /** Reports every change of some objects until the signal fires. */
  follow(
    kind: KindRef,
    where: { namespace?: string; labelSelector?: string },
    onChange: (objects: readonly KubeObject[]) => void,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#watcher.follow(kind, where, onChange, signal);
  }

  /** Runs a program in a pod and returns its output; a non-zero exit code is returned, not thrown. */
  exec(program: PodProgram, options: { signal?: AbortSignal; timeoutMs?: number } = {}): Promise<ExecResult> {
    return execInPod(this.#client, program, options);
  }

  /** Starts a program in a pod. */
  start(program: PodProgram, onLine: (line: string) => void): Promise<PodProcess> {
    return startInPod(this.#client, program, onLine);
  }

  /** JSON from a port of a pod, requested inside its network namespace. */
  getJsonInPod(what: InPod, signal: AbortSignal): Promise<unknown> {
    return getJsonInPod(this.#client.config, what, signal);
  }

  /** The end of a container's log, at most `limitBytes`. */
  logs(namespace: string, pod: string, container: string, options: LogOptions): Promise<string> {
    return containerLog(this.#client.config, { namespace, pod, container }, options);
  }

  /** Whether this context's user has a permission in every namespace. */
  can(what: Right): Promise<boolean> {
    return mayDo(this.#client, what);
  }

  async version(): Promise<string> {
    const nodes = await this.list(kinds.node);
    return String(nodes[0]?.status?.nodeInfo?.kubeletVersion ?? "unknown");
  }
}
