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

/** Under which plural an API server serves a kind: it is asked about those that the harness does not list itself. */
export class Discovery {
  readonly #client: ApiClient;
  /** What was found, by `apiVersion kind`; what was not is asked about anew, for a CRD may have come. */
  readonly #found = new Map<string, KindRef>();

  constructor(client: ApiClient) {
    this.#client = client;
  }

  /** Throws `kube-request` where the API server does not serve the object's kind. */
  async kindOf({ apiVersion, kind }: Pick<KubeObject, "apiVersion" | "kind">): Promise<KindRef> {
    const listed = Object.values(kinds).find((k) => k.apiVersion === apiVersion && k.kind === kind);
    if (listed !== undefined) return listed;
    const key = `${apiVersion} ${kind}`;
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    // `deployments/scale` and its like have kinds of their own, or the kind of what they belong to.
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
