import { allGone } from "./conditions.ts";
import { type Kube, type KubeObject, kinds } from "./kube.ts";

/** Carried by the namespaces of suites: the run that made them. */
export const runLabel = "io.meshproof/run";

const ownerLabel = "io.meshproof/owner";
const owner = "meshproof";

/** Whether Meshproof made it. Namespaces of a lab file are the user's, also on a lab that Meshproof made. */
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

/** Removes a namespace and sees that it, with all that was in it, is gone. */
export async function removeNamespace(kube: Kube, name: string): Promise<void> {
  await kube.remove(kinds.namespace, undefined, name);
  await kube.until(kinds.namespace, { name }, allGone, {
    what: `namespace ${name} of ${kube.cluster} to be gone`,
    withinMs,
    signal: AbortSignal.timeout(withinMs + 5000),
  });
}
