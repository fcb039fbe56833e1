import type { Cluster } from "#harness/cluster/cluster.ts";
import { deploymentReady } from "#harness/kube/conditions.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import type { EventuallyOptions } from "#harness/lib/eventually.ts";

/** Stands in a manifest for the echo image that the lab has, whatever its name. */
export const standInImage = "meshproof.local/echo";

/** Namespaces before what is in them, policies last: stand-ins are ready before anything is denied. */
const order = ["Namespace", "Deployment", "Service"];
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
  // As the API server answers them: an object without a namespace is given one there.
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
