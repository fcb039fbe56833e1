import { allGone } from "./conditions.ts";
import { type Kube, type KubeObject, kinds } from "./kube.ts";

/** Carried by the namespaces of suites: the run that made them. */
export const runLabel = "io.meshproof/run";

export function namespaceObject(name: string, labels: Record<string, string> = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels: { "io.meshproof/owner": "meshproof", ...labels } },
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
