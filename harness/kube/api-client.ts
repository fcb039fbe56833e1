import type { ApiException } from "@kubernetes/client-node";
import pRetry from "p-retry";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { clientNode } from "./client-node.ts";

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Relative to the server of the kubeconfig. */
  readonly path: string;
  /** Undefined values are omitted. */
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: { readonly mediaType: string; readonly text: string };
}

/**
 * JSON requests to one API server. The library's typed serializer is not used: it supports only the fields of its own
 * Kubernetes version, and renames some (`from`, `default`, `x-kubernetes-*`). The library handles credentials, TLS and
 * proxies.
 */
export class ApiClient {
  readonly cluster: string;
  readonly config = new (clientNode().KubeConfig)();
  readonly #http = new (clientNode().IsomorphicFetchHttpLibrary)();
  readonly #server: string;

  /** Throws `usage` if the kubeconfig has no such context. */
  constructor(cluster: string, kubeconfig: string, context?: string) {
    this.cluster = cluster;
    this.config.loadFromFile(kubeconfig);
    if (context !== undefined) this.config.setCurrentContext(context);
    const server = this.config.getCurrentCluster()?.server;
    if (server === undefined)
      throw new MeshproofError(
        "usage",
        `${kubeconfig} has no ${context === undefined ? "current context" : `context ${context}`}, or lacks its cluster`,
        { remedy: "choose a context that `kubectl config get-contexts` lists" },
      );
    this.#server = server;
  }

  /** The namespace of namespaced objects that do not specify one. */
  get defaultNamespace(): string {
    return this.config.getContextObject(this.config.getCurrentContext())?.namespace || "default";
  }

  /** One request; returns the JSON of the response's body. Throws `ApiException` for every status except 2xx. */
  async send({ method, path, query = {}, body }: ApiRequest): Promise<unknown> {
    const { HttpMethod, RequestContext } = clientNode();
    const context = new RequestContext(`${this.#server}${path}`, HttpMethod[method]);
    context.setHeaderParam("Accept", "application/json");
    context.setHeaderParam("User-Agent", "meshproof");
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) context.setQueryParam(name, value);
    if (body !== undefined) {
      context.setHeaderParam("Content-Type", body.mediaType);
      context.setBody(body.text);
    }
    await this.config.applySecurityAuthentication(context);
    const response = await this.#http.send(context).toPromise();
    const text = await response.body.text();
    if (response.httpStatusCode < 200 || response.httpStatusCode > 299)
      throw new (clientNode().ApiException)(
        response.httpStatusCode,
        "Unsuccessful HTTP Request",
        text,
        response.headers,
      );
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw new Error(`${method} ${path} gave an answer that is not JSON: ${text.slice(0, 200)}`, {
        cause: error,
      });
    }
  }

  /**
   * Requests can fail for reasons outside the test, such as a restarting API server, so they are retried briefly. The
   * last failure becomes a `kube-request` error that names `what`.
   */
  async retrying<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await pRetry(call, {
        retries: 4,
        minTimeout: 200,
        factor: 2,
        shouldRetry: ({ error }) => !isApiException(error) || error.code >= 500 || error.code === 429,
      });
    } catch (error) {
      const reason = isApiException(error)
        ? `HTTP ${error.code}: ${bodyMessage(error.body)}`
        : messageOf(error);
      const remedy = error instanceof MeshproofError ? error.remedy : undefined;
      throw new MeshproofError("kube-request", `${this.cluster}: ${what}: ${reason}`, {
        cause: error,
        ...(remedy === undefined ? {} : { remedy }),
      });
    }
  }
}

export const isStatus = (error: unknown, code: number): boolean =>
  isApiException(error) && error.code === code;

/** The message of a Status object; any other body unchanged. */
function bodyMessage(body: unknown): string {
  try {
    return (JSON.parse(String(body)) as { message?: string }).message ?? String(body);
  } catch {
    return String(body).trim();
  }
}

const isApiException = (error: unknown): error is ApiException<string> =>
  error instanceof clientNode().ApiException;
