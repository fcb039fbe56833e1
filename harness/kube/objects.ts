import { type ApiClient, isStatus } from "./api-client.ts";
import { Discovery } from "./discovery.ts";
import { collectionPath, type KindRef, type KubeObject, nameOf } from "./kinds.ts";

export interface ObjectList {
  readonly items: KubeObject[];
  /** A watch from this version misses no change. */
  readonly resourceVersion: string;
}

export interface Where {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
}

const fieldManager = "meshproof";

/** Objects per request, the same as in kubectl and client-go. */
const pageSize = "500";

/** Writes and reads objects as plain JSON. */
export class ApiObjects {
  readonly #client: ApiClient;
  readonly #discovery: Discovery;

  constructor(client: ApiClient) {
    this.#client = client;
    this.#discovery = new Discovery(client);
  }

  /** Server-side apply, taking over fields of other managers. Returns the new state. */
  apply(object: KubeObject): Promise<KubeObject> {
    return this.#client.retrying(`apply ${object.kind} ${nameOf(object)}`, async () => {
      const kind = await this.#discovery.kindOf(object);
      return (await this.#client.send({
        method: "PATCH",
        path: this.#path(kind, object.metadata.namespace, object.metadata.name),
        query: { fieldManager, force: "true" },
        body: { mediaType: "application/apply-patch+yaml", text: toYamlSafeJson(object) },
      })) as KubeObject;
    });
  }

  /** A JSON merge patch (RFC 7386). */
  merge(
    kind: KindRef,
    namespace: string | undefined,
    name: string,
    patch: Readonly<Record<string, unknown>>,
  ): Promise<KubeObject> {
    return this.#client.retrying(
      `patch ${kind.kind} ${name}`,
      async () =>
        (await this.#client.send({
          method: "PATCH",
          path: this.#path(kind, namespace, name),
          query: { fieldManager },
          body: { mediaType: "application/merge-patch+json", text: JSON.stringify(patch) },
        })) as KubeObject,
    );
  }

  get(kind: KindRef, namespace: string | undefined, name: string): Promise<KubeObject | undefined> {
    return this.#client.retrying(`get ${kind.kind} ${name}`, async () => {
      try {
        return (await this.#client.send({
          method: "GET",
          path: this.#path(kind, namespace, name),
        })) as KubeObject;
      } catch (error) {
        if (isStatus(error, 404)) return undefined;
        throw error;
      }
    });
  }

  list(kind: KindRef, where: Where): Promise<ObjectList> {
    return this.#client.retrying(`list ${kind.plural}`, async () => {
      try {
        return await this.#pages(kind, where, pageSize);
      } catch (error) {
        // The snapshot of the pages was compacted meanwhile: list everything again in one request.
        if (!isStatus(error, 410)) throw error;
        return await this.#pages(kind, where, undefined);
      }
    });
  }

  async #pages(
    kind: KindRef,
    { namespace, labelSelector }: Where,
    limit: string | undefined,
  ): Promise<ObjectList> {
    const items: KubeObject[] = [];
    let next: string | undefined;
    for (;;) {
      const page = (await this.#client.send({
        method: "GET",
        path: collectionPath(kind, namespace),
        query: { labelSelector, limit, continue: next },
      })) as { items?: KubeObject[] | null; metadata?: { continue?: string; resourceVersion?: string } };
      // The items of a list have no apiVersion and kind.
      for (const item of page.items ?? [])
        items.push({ ...item, apiVersion: kind.apiVersion, kind: kind.kind });
      next = page.metadata?.continue || undefined;
      if (next === undefined) return { items, resourceVersion: page.metadata?.resourceVersion ?? "0" };
    }
  }

  /** Deletes without waiting; a missing object is no error. */
  async remove(
    kind: KindRef,
    namespace: string | undefined,
    name: string,
    graceSeconds?: number,
  ): Promise<void> {
    await this.#client.retrying(`delete ${kind.kind} ${name}`, async () => {
      try {
        await this.#client.send({
          method: "DELETE",
          path: this.#path(kind, namespace, name),
          query: { gracePeriodSeconds: graceSeconds?.toString(), propagationPolicy: "Background" },
        });
      } catch (error) {
        if (!isStatus(error, 404)) throw error;
      }
    });
  }

  #path(kind: KindRef, namespace: string | undefined, name: string): string {
    return `${collectionPath(kind, namespace || this.#client.defaultNamespace)}/${encodeURIComponent(name)}`;
  }
}

/**
 * JSON that has the same meaning as YAML 1.1, because API servers parse applied objects as YAML. There, these characters
 * end a line or are forbidden unless escaped.
 */
function toYamlSafeJson(object: KubeObject): string {
  return JSON.stringify(object).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
