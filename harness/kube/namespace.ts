import { allGone } from "./conditions.ts";
import { type Kube, type KubeObject, kinds } from "./kube.ts";

/** Label of suites' namespaces: the run that created them. */
export const runLabel = "io.meshproof/run";

const ownerLabel = "io.meshproof/owner";
const owner = "meshproof";

/** Whether Meshproof created it. Namespaces of a lab file belong to the user, even on a lab that Meshproof created. */
export const isSelfManaged = (namespace: KubeObject): boolean =>
  namespace.metadata.labels?.[ownerLabel] === owner;

export function namespaceObject(name: string, labels: Record<string, string> = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels: { [ownerLabel]: owner, ...labels } },
  };
}

const withinMs = 120_000;

/** Removes a namespace and waits until it is gone with all its objects. */
export async function removeNamespace(kube: Kube, name: string): Promise<void> {
  await kube.remove(kinds.namespace, undefined, name);
  await kube.until(kinds.namespace, { name }, allGone, {
    what: `namespace ${name} of ${kube.cluster} to be gone`,
    withinMs,
    signal: AbortSignal.timeout(withinMs + 5000),
  });
}
