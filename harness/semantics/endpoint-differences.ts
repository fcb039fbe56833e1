import type { PodState } from "#harness/model/mesh-snapshot.ts";
import { type ClusterObjects, isSteady, podKey } from "./cluster-objects.ts";
import { type Difference, places } from "./compare.ts";

/** Pods that have an endpoint of Cilium's: not those in the network of their node, nor completed ones. */
const podsWithEndpoints = (pods: readonly PodState[]): readonly PodState[] =>
  pods.filter((p) => !p.hostNetwork && p.ended !== true && p.ip !== "");

/**
 * CiliumEndpoints against the pods and nodes of their cluster: each steady pod has one, with its addresses and that of
 * its node; an endpoint without a pod is stale. Empty if a list could not be read.
 */
export function endpointDifferences(objects: ClusterObjects): Difference[] {
  const { name: cluster, pods, ciliumEndpoints, nodes = [], changing = [] } = objects;
  if (pods === undefined || ciliumEndpoints === undefined) return [];
  const place = places.api(cluster);
  const found: Difference[] = [];
  const byName = new Map(ciliumEndpoints.map((e) => [podKey(e), e]));
  const addressOf = new Map(nodes.map((n) => [n.name, n.address]));
  const unsteady = new Set(changing);
  for (const pod of podsWithEndpoints(pods)) {
    const key = podKey(pod);
    const endpoint = byName.get(key);
    const steady = isSteady(objects, pod);
    const at = { place, of: cluster, object: "CiliumEndpoint", name: key, origin: `pod ${key} (${pod.ip})` };
    if (endpoint === undefined) {
      if (steady) found.push({ kind: "missing", ...at });
      continue;
    }
    if (!steady) continue;
    // The first address may be of either family, in `ip` or in `ipv6`.
    const own = [endpoint.ip, endpoint.ipv6];
    if (!own.includes(pod.ip))
      found.push({ kind: "different", ...at, field: "address", expected: pod.ip, held: endpoint.ip });
    const node = addressOf.get(pod.node) ?? "";
    if (endpoint.hostIp !== undefined && node !== "" && endpoint.hostIp !== node)
      found.push({
        ...{ kind: "different", ...at, field: "node address" },
        ...{ expected: `${node} (${pod.node})`, held: endpoint.hostIp },
      });
  }
  const names = new Set(pods.map(podKey));
  for (const e of ciliumEndpoints)
    if (!names.has(podKey(e)) && !unsteady.has(e.ip))
      found.push({
        ...{ kind: "stale", place, of: cluster, object: "CiliumEndpoint", name: podKey(e), origin: "" },
        held: e.ip,
      });
  return found;
}

/** CiliumNodes against Nodes: each node that Cilium runs on has one, with its address; one without a node is stale. */
export function ciliumNodeDifferences(objects: ClusterObjects): Difference[] {
  const { name: cluster, nodes, ciliumNodes } = objects;
  if (nodes === undefined || ciliumNodes === undefined) return [];
  const place = places.api(cluster);
  const found: Difference[] = [];
  const byName = new Map(ciliumNodes.map((n) => [n.name, n]));
  for (const { name, address, os = "linux" } of nodes.filter((n) => (n.os ?? "linux") === "linux")) {
    const own = byName.get(name);
    const at = { place, of: cluster, object: "CiliumNode", name, origin: `node ${name} (${os})` };
    if (own === undefined) found.push({ kind: "missing", ...at });
    else if (own.addresses?.some((a) => a.ip === address) === false && address !== "")
      found.push({
        ...{ kind: "different", ...at, field: "addresses", expected: address },
        held: own.addresses.map((a) => a.ip).join(" "),
      });
  }
  const names = new Set(nodes.map((n) => n.name));
  for (const { name } of ciliumNodes)
    if (!names.has(name))
      found.push({ kind: "stale", place, of: cluster, object: "CiliumNode", name, origin: "" });
  return found;
}
