import { PassThrough, Readable } from "node:stream";
import type { ApiException, KubernetesObjectApi, V1Status } from "@kubernetes/client-node";
import pRetry from "p-retry";
import { monotonicMs } from "#harness/lib/clock.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { type EventuallyOptions, type Look, pause, throwIfAborted } from "#harness/lib/eventually.ts";
import { clientNode } from "./client-node.ts";
import { getJsonInPod, type InPod } from "./in-pod.ts";

/** Any Kubernetes object, as JSON. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    uid?: string;
    resourceVersion?: string;
    creationTimestamp?: string | Date;
    deletionTimestamp?: string | Date;
    generation?: number;
  };
  // biome-ignore lint/suspicious/noExplicitAny: objects of every kind pass here; readers check what they use.
  [field: string]: any;
}

export interface KindRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

const kindRef = (apiVersion: string, kind: string, plural: string, namespaced = true): KindRef => ({
  apiVersion,
  kind,
  plural,
  namespaced,
});

/** The kinds that the harness reads or writes. */
export const kinds = {
  node: kindRef("v1", "Node", "nodes", false),
  namespace: kindRef("v1", "Namespace", "namespaces", false),
  pod: kindRef("v1", "Pod", "pods"),
  service: kindRef("v1", "Service", "services"),
  secret: kindRef("v1", "Secret", "secrets"),
  configMap: kindRef("v1", "ConfigMap", "configmaps"),
  event: kindRef("v1", "Event", "events"),
  deployment: kindRef("apps/v1", "Deployment", "deployments"),
  daemonSet: kindRef("apps/v1", "DaemonSet", "daemonsets"),
  endpointSlice: kindRef("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
  crd: kindRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false),
  validatingWebhook: kindRef(
    "admissionregistration.k8s.io/v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    false,
  ),
  ciliumNode: kindRef("cilium.io/v2", "CiliumNode", "ciliumnodes", false),
  ciliumEndpoint: kindRef("cilium.io/v2", "CiliumEndpoint", "ciliumendpoints"),
  ciliumIdentity: kindRef("cilium.io/v2", "CiliumIdentity", "ciliumidentities", false),
  serviceExport: kindRef("multicluster.x-k8s.io/v1alpha1", "ServiceExport", "serviceexports"),
  serviceImport: kindRef("multicluster.x-k8s.io/v1alpha1", "ServiceImport", "serviceimports"),
  networkPolicy: kindRef("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
  ciliumNetworkPolicy: kindRef("cilium.io/v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies"),
} as const;

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program in a pod with a live standard input and line output. */
export interface PodProcess {
  write(line: string): void;
  end(): void;
  kill(): void;
  readonly done: Promise<{ exitCode: number; stderr: string }>;
}

const fieldManager = "meshproof";

/** One cluster's API server. */
export class Kube {
  readonly #config = new (clientNode().KubeConfig)();
  readonly #objects: KubernetesObjectApi;
  readonly cluster: string;

  constructor(cluster: string, kubeconfig: string, context?: string) {
    this.cluster = cluster;
    this.#config.loadFromFile(kubeconfig);
    if (context !== undefined) this.#config.setCurrentContext(context);
    this.#objects = clientNode().KubernetesObjectApi.makeApiClient(this.#config);
  }

  /** Server-side apply: create or change, ours wins. */
  async apply(object: KubeObject): Promise<KubeObject> {
    return this.#call(
      `apply ${object.kind} ${nameOf(object)}`,
      async () =>
        (await this.#objects.patch(
          object as never,
          undefined,
          undefined,
          fieldManager,
          true,
          clientNode().PatchStrategy.ServerSideApply,
        )) as KubeObject,
    );
  }

  /** A JSON merge patch; `null` removes a field. */
  async merge(
    kind: KindRef,
    namespace: string | undefined,
    name: string,
    patch: Record<string, unknown>,
  ): Promise<KubeObject> {
    const spec = {
      ...patch,
      ...header(kind, namespace, name, (patch.metadata ?? {}) as Record<string, unknown>),
    };
    return this.#call(
      `patch ${kind.kind} ${name}`,
      async () =>
        (await this.#objects.patch(
          spec as never,
          undefined,
          undefined,
          fieldManager,
          undefined,
          clientNode().PatchStrategy.MergePatch,
        )) as KubeObject,
    );
  }

  async get(kind: KindRef, namespace: string | undefined, name: string): Promise<KubeObject | undefined> {
    return this.#call(`get ${kind.kind} ${name}`, async () => {
      try {
        return (await this.#objects.read(header(kind, namespace, name) as never)) as unknown as KubeObject;
      } catch (error) {
        if (isApiException(error) && error.code === 404) return undefined;
        throw error;
      }
    });
  }

  async list(kind: KindRef, namespace?: string, labelSelector?: string): Promise<KubeObject[]> {
    return (await this.#list(kind, namespace, labelSelector)).items;
  }

  /** Deletes and does not wait; an object that is gone already is no error. */
  async remove(
    kind: KindRef,
    namespace: string | undefined,
    name: string,
    graceSeconds?: number,
  ): Promise<void> {
    await this.#call(`delete ${kind.kind} ${name}`, async () => {
      try {
        await this.#objects.delete(
          header(kind, namespace, name) as never,
          undefined,
          undefined,
          graceSeconds,
          undefined,
          "Background",
        );
      } catch (error) {
        if (!(isApiException(error) && error.code === 404)) throw error;
      }
    });
  }

  /** Watches objects until `judge` is done with them; on timeout tells what it last saw. */
  async until<T>(
    kind: KindRef,
    where: { namespace?: string; name?: string; labelSelector?: string },
    judge: (objects: readonly KubeObject[]) => Look<T>,
    options: EventuallyOptions,
  ): Promise<T> {
    const startedMs = monotonicMs();
    const mine = (object: KubeObject): boolean =>
      where.name === undefined || object.metadata.name === where.name;
    let seen = "nothing yet";
    let looks = 0;
    for (;;) {
      throwIfAborted(options.signal, options.what);
      const leftMs = options.withinMs - (monotonicMs() - startedMs);
      if (leftMs <= 0) {
        throw new MeshproofError(
          "timeout",
          `waited ${Math.round(options.withinMs / 1000)}s for ${options.what} in ${this.cluster} (${looks} looks); last seen: ${seen}`,
        );
      }
      try {
        const listed = await this.#list(kind, where.namespace, where.labelSelector);
        const objects = new Map(listed.items.filter(mine).map((o) => [o.metadata.uid ?? nameOf(o), o]));
        looks += 1;
        const first = judge([...objects.values()]);
        if (first.done) return first.value;
        seen = first.seen;
        const found = await this.#watch(
          kind,
          where,
          listed.resourceVersion,
          Math.min(leftMs, 30_000),
          options.signal,
          (phase, object) => {
            if (!mine(object)) return undefined;
            const key = object.metadata.uid ?? nameOf(object);
            if (phase === "DELETED") objects.delete(key);
            else objects.set(key, object);
            looks += 1;
            const look = judge([...objects.values()]);
            if (!look.done) seen = look.seen;
            return look.done ? look : undefined;
          },
        );
        if (found !== undefined) return found.value;
      } catch (error) {
        if (error instanceof MeshproofError && error.code === "aborted") throw error;
        seen = messageOf(error);
      }
      await pause(200, options.signal);
    }
  }

  /**
   * Tells of every change of some objects, as soon as the API server does, until the signal. Unlike `until` it holds
   * one watch for as long as the server does: a renewal would stamp what happens meanwhile too late.
   */
  async follow(
    kind: KindRef,
    where: { namespace?: string; labelSelector?: string },
    onChange: (objects: readonly KubeObject[]) => void,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      try {
        const listed = await this.#list(kind, where.namespace, where.labelSelector);
        const objects = new Map(listed.items.map((o) => [o.metadata.uid ?? nameOf(o), o]));
        onChange([...objects.values()]);
        await this.#watch(kind, where, listed.resourceVersion, 3_600_000, signal, (phase, object) => {
          const key = object.metadata.uid ?? nameOf(object);
          if (phase === "DELETED") objects.delete(key);
          else objects.set(key, object);
          onChange([...objects.values()]);
          return undefined;
        });
      } catch {
        // An API server that is away is part of what is measured: it is asked again until the end.
      }
      await pause(100, signal).catch(() => {});
    }
  }

  async #watch<T>(
    kind: KindRef,
    where: { namespace?: string; labelSelector?: string },
    resourceVersion: string,
    renewMs: number,
    signal: AbortSignal,
    onEvent: (phase: string, object: KubeObject) => { done: true; value: T } | undefined,
  ): Promise<{ value: T } | undefined> {
    return new Promise((resolve) => {
      let controller: AbortController | undefined;
      let settled = false;
      const finish = (result: { value: T } | undefined): void => {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        signal.removeEventListener("abort", stop);
        controller?.abort();
        resolve(result);
      };
      const stop = (): void => finish(undefined);
      // `until` renews its watch now and then: a silent one would hide a lost connection.
      const timer = setTimeout(stop, renewMs);
      signal.addEventListener("abort", stop);
      new (clientNode().Watch)(this.#config)
        .watch(
          pathOf(kind, where.namespace),
          {
            resourceVersion,
            ...(where.labelSelector === undefined ? {} : { labelSelector: where.labelSelector }),
          },
          (phase, object) => {
            if (phase === "ERROR" || phase === "BOOKMARK") return phase === "ERROR" ? stop() : undefined;
            const result = onEvent(phase, object as KubeObject);
            if (result !== undefined) finish(result);
          },
          stop,
        )
        .then((c) => {
          controller = c;
          if (settled) c.abort();
        }, stop);
    });
  }

  async #list(
    kind: KindRef,
    namespace?: string,
    labelSelector?: string,
  ): Promise<{ items: KubeObject[]; resourceVersion: string }> {
    return this.#call(`list ${kind.plural}`, async () => {
      const told = await this.#objects.list(
        kind.apiVersion,
        kind.kind,
        namespace,
        undefined,
        undefined,
        undefined,
        undefined,
        labelSelector,
      );
      const items = (told.items as unknown as KubeObject[]).map((o) => ({
        ...o,
        apiVersion: kind.apiVersion,
        kind: kind.kind,
      }));
      return { items, resourceVersion: told.metadata?.resourceVersion ?? "0" };
    });
  }

  /** Runs a program in a pod and answers its output; a non-zero exit is an answer, not an error. */
  async exec(
    namespace: string,
    pod: string,
    container: string,
    argv: readonly string[],
    options: { signal?: AbortSignal; timeoutMs?: number } = {},
  ): Promise<ExecResult> {
    let stdout = "";
    const timeoutMs = options.timeoutMs ?? 60_000;
    const what = `${argv.slice(0, 4).join(" ")} in pod ${namespace}/${pod} of ${this.cluster}`;
    let process: PodProcess | undefined;
    let ended = false;
    let timer: NodeJS.Timeout | undefined;
    let onAbort = (): void => {};
    // The connection is covered too: a frozen node's kubelet takes it and never answers.
    const cut = new Promise<never>((_, reject) => {
      const end = (error: MeshproofError): void => {
        ended = true;
        process?.kill();
        reject(error);
      };
      timer = setTimeout(
        () => end(new MeshproofError("timeout", `${what} did not end within ${timeoutMs / 1000}s`)),
        timeoutMs,
      );
      onAbort = () => end(new MeshproofError("aborted", `interrupted: ${what}`));
      if (options.signal?.aborted === true) onAbort();
      options.signal?.addEventListener("abort", onAbort);
    });
    const work = (async () => {
      process = await this.#start(
        namespace,
        pod,
        container,
        argv,
        (text) => {
          stdout += text;
        },
        false,
      );
      if (ended) process.kill();
      return process.done;
    })();
    work.catch(() => {});
    try {
      const end = await Promise.race([work, cut]);
      return { exitCode: end.exitCode, stdout, stderr: end.stderr };
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
    }
  }

  /** JSON from a port of a pod, asked from within its own network namespace. */
  getJsonInPod(what: InPod, signal: AbortSignal): Promise<unknown> {
    return getJsonInPod(this.#config, what, signal);
  }

  /** A live program in a pod. */
  async start(
    namespace: string,
    pod: string,
    container: string,
    argv: readonly string[],
    onLine: (line: string) => void,
  ): Promise<PodProcess> {
    let rest = "";
    return this.#start(
      namespace,
      pod,
      container,
      argv,
      (text) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        for (const line of lines) onLine(line);
      },
      true,
    );
  }

  async #start(
    namespace: string,
    pod: string,
    container: string,
    argv: readonly string[],
    onText: (text: string) => void,
    withInput: boolean,
  ): Promise<PodProcess> {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const stdin = withInput ? new Readable({ read() {} }) : null;
    stdout.setEncoding("utf8").on("data", onText);
    let errorText = "";
    stderr.setEncoding("utf8").on("data", (text: string) => {
      if (errorText.length < 64_000) errorText += text;
    });
    let settle: (end: { exitCode: number; stderr: string }) => void = () => {};
    const done = new Promise<{ exitCode: number; stderr: string }>((resolve) => {
      settle = resolve;
    });
    let exitCode: number | undefined;
    const socket = await this.#call(`exec ${argv[0]} in ${namespace}/${pod}`, () =>
      new (clientNode().Exec)(this.#config).exec(
        namespace,
        pod,
        container,
        [...argv],
        stdout,
        stderr,
        stdin,
        false,
        (status: V1Status) => {
          exitCode = exitCodeOf(status);
          if (status.status !== "Success" && exitCode === -1) errorText += status.message ?? "";
        },
      ),
    );
    // The status comes before the close, the output before the status: at the close all is there.
    socket.onclose = () => setImmediate(() => settle({ exitCode: exitCode ?? -1, stderr: errorText }));
    socket.onerror = (event: { message?: string }) => {
      errorText += event.message ?? "connection error";
    };
    return {
      write: (line) => void stdin?.push(`${line}\n`),
      end: () => void stdin?.push(null),
      kill: () => socket.terminate(),
      done,
    };
  }

  /** A container's log, at most `limitBytes` of its end. */
  async logs(
    namespace: string,
    pod: string,
    container: string,
    options: { limitBytes: number; previous?: boolean; sinceSeconds?: number },
  ): Promise<string> {
    const sink = new PassThrough();
    let text = "";
    sink.setEncoding("utf8").on("data", (chunk: string) => {
      text = (text + chunk).slice(-options.limitBytes);
    });
    const ended = new Promise<void>((resolve) =>
      sink
        .once("end", resolve)
        .once("close", resolve)
        .once("error", () => resolve()),
    );
    await new (clientNode().Log)(this.#config).log(namespace, pod, container, sink, {
      follow: false,
      tailLines: 5000,
      timestamps: true,
      ...(options.previous === undefined ? {} : { previous: options.previous }),
      ...(options.sinceSeconds === undefined ? {} : { sinceSeconds: options.sinceSeconds }),
    });
    await ended;
    return text;
  }

  /** Whether this context's user may do something in every namespace. */
  async may(what: {
    readonly verb: string;
    readonly group: string;
    readonly resource: string;
    readonly subresource?: string;
  }): Promise<boolean> {
    const review = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes: what },
    };
    const told = await this.#call("ask for rights", () => this.#objects.create(review as never));
    return (told as unknown as KubeObject).status?.allowed === true;
  }

  async version(): Promise<string> {
    const nodes = await this.list(kinds.node);
    return String(nodes[0]?.status?.nodeInfo?.kubeletVersion ?? "unknown");
  }

  /** Requests may fail for reasons outside the test (a restarting API server): they are tried again, briefly. */
  async #call<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await pRetry(call, {
        retries: 4,
        minTimeout: 200,
        factor: 2,
        shouldRetry: ({ error }) => !isApiException(error) || error.code >= 500 || error.code === 429,
      });
    } catch (error) {
      const told = isApiException(error)
        ? `HTTP ${error.code}: ${bodyMessage(error.body)}`
        : messageOf(error);
      throw new MeshproofError("kube-request", `${this.cluster}: ${what}: ${told}`, { cause: error });
    }
  }
}

function bodyMessage(body: unknown): string {
  try {
    const parsed =
      typeof body === "string" ? (JSON.parse(body) as { message?: string }) : (body as { message?: string });
    return parsed.message ?? String(body);
  } catch {
    return String(body);
  }
}

const isApiException = (error: unknown): error is ApiException<unknown> =>
  error instanceof clientNode().ApiException;

function exitCodeOf(status: V1Status): number {
  if (status.status === "Success") return 0;
  const cause = status.details?.causes?.find((c) => c.reason === "ExitCode");
  return cause?.message === undefined ? -1 : Number(cause.message);
}

function header(
  kind: KindRef,
  namespace: string | undefined,
  name: string,
  metadata: Record<string, unknown> = {},
) {
  return {
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: { ...metadata, name, ...(namespace === undefined ? {} : { namespace }) },
  };
}

function pathOf(kind: KindRef, namespace: string | undefined): string {
  const root = kind.apiVersion.includes("/") ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`;
  return namespace === undefined || !kind.namespaced
    ? `${root}/${kind.plural}`
    : `${root}/namespaces/${namespace}/${kind.plural}`;
}

function nameOf(object: KubeObject): string {
  return object.metadata.namespace === undefined
    ? object.metadata.name
    : `${object.metadata.namespace}/${object.metadata.name}`;
}
