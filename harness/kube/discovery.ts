import { MeshproofError } from "#harness/lib/errors.ts";
import { type ApiClient, isStatus } from "./api-client.ts";
import { apiRoot, type KindRef, type KubeObject, kinds } from "./kinds.ts";

/** An entry of an APIResourceList. */
interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** Looks up the plural and scope of kinds that the harness does not list itself. */
export class Discovery {
  readonly #client: ApiClient;
  /** Kinds by `apiVersion kind`. Missing kinds are not cached, because a CRD may be added. */
  readonly #found = new Map<string, KindRef>();

  constructor(client: ApiClient) {
    this.#client = client;
  }

  /** Throws `kube-request` if the API server does not serve the object's kind. */
  async kindOf({ apiVersion, kind }: Pick<KubeObject, "apiVersion" | "kind">): Promise<KindRef> {
    const listed = Object.values(kinds).find((k) => k.apiVersion === apiVersion && k.kind === kind);
    if (listed !== undefined) return listed;
    const key = `${apiVersion} ${kind}`;
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    // Skip subresources such as `deployments/scale`, which have their own kind or that of their parent.
    const resource = (await this.#resources(apiVersion)).find(
      (r) => r.kind === kind && !r.name.includes("/") && r.verbs.includes("patch"),
    );
    if (resource === undefined)
      throw new MeshproofError("kube-request", `the API server has no kind ${kind} in ${apiVersion}`, {
        remedy: `correct apiVersion and kind, or install the CustomResourceDefinition of ${kind} first`,
      });
    const found = { apiVersion, kind, plural: resource.name, namespaced: resource.namespaced };
    this.#found.set(key, found);
    return found;
  }

  async #resources(apiVersion: string): Promise<readonly ApiResource[]> {
    try {
      const list = await this.#client.send({ method: "GET", path: apiRoot(apiVersion) });
      return (list as { resources?: readonly ApiResource[] }).resources ?? [];
    } catch (error) {
      if (isStatus(error, 404)) return [];
      throw error;
    }
  }
}
