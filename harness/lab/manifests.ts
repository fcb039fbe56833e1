import type { Cluster } from "#harness/cluster/cluster.ts";
import { deploymentReady } from "#harness/kube/conditions.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import type { EventuallyOptions } from "#harness/lib/eventually.ts";

/** Placeholder in a manifest for the lab's echo image. */
export const standInImage = "meshproof.local/echo";

/** Namespaces before their contents, policies last: stand-ins become ready before anything is denied. */
const order = ["Namespace", "ServiceAccount", "Deployment", "Service"];
const rank = (o: KubeObject): number => (order.includes(o.kind) ? order.indexOf(o.kind) : order.length);

/** Applies a lab's own objects to a cluster and waits for the deployments among them. Idempotent. */
export async function applyManifests(
  cluster: Pick<Cluster, "name" | "kube">,
  objects: readonly Record<string, unknown>[],
  echoImage: string,
  options: Omit<EventuallyOptions, "what">,
): Promise<void> {
  const text = JSON.stringify(objects).replaceAll(`"${standInImage}"`, JSON.stringify(echoImage));
  const all = (JSON.parse(text) as KubeObject[]).toSorted((a, b) => rank(a) - rank(b));
  // As returned by the API server, which sets missing namespaces.
  const applied: KubeObject[] = [];
  for (const object of all) applied.push(await cluster.kube.apply(object));
  for (const { metadata } of applied.filter((o) => o.kind === "Deployment"))
    await cluster.kube.until(
      kinds.deployment,
      { namespace: metadata.namespace ?? "default", name: metadata.name },
      deploymentReady,
      { what: `stand-in ${metadata.namespace}/${metadata.name} of ${cluster.name}`, ...options },
    );
}
