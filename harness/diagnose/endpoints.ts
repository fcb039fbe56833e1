import type { Finding } from "#harness/model/finding.ts";
import type { CiliumEndpointState, ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { known, kubectl } from "./parts.ts";

/** Endpoints without pods; identities and ipcache entries of the other clusters' pods that an agent lacks. */
export function endpoints(mesh: MeshSnapshot): Finding[] {
  const found: Finding[] = [];
  for (const cluster of mesh.clusters) {
    if (!cluster.pods.ok) continue;
    const pods = new Set(cluster.pods.value.map((p) => `${p.namespace}/${p.name}`));
    for (const e of known(cluster.ciliumEndpoints)) {
      if (pods.has(`${e.namespace}/${e.name}`)) continue;
      found.push({
        layer: "endpoints",
        severity: "broken",
        cluster: cluster.name,
        subject: `endpoint ${e.namespace}/${e.name} of ${cluster.name}`,
        message: `CiliumEndpoint ${e.namespace}/${e.name} (${e.ip}) of ${cluster.name} has no pod`,
        next: kubectl(e.namespace, "delete", `ciliumendpoint/${e.name}`),
      });
    }
  }
  for (const from of mesh.clusters)
    for (const to of mesh.clusters.filter((c) => c !== from))
      found.push(...identities(from, to), ...ipcache(from, to));
  return found;
}

/** Endpoints added or removed just now are left out: agents may not know about them yet. */
function settledEndpoints(to: ClusterSnapshot): readonly CiliumEndpointState[] {
  const living = new Set(
    known(to.pods)
      .filter((p) => p.ready && !p.ending)
      .map((p) => `${p.namespace}/${p.name}`),
  );
  return known(to.ciliumEndpoints).filter((e) => living.has(`${e.namespace}/${e.name}`));
}

function identities(from: ClusterSnapshot, to: ClusterSnapshot): Finding[] {
  const expected = [...new Set(settledEndpoints(to).map((e) => e.identity))];
  const found: Finding[] = [];
  for (const agent of from.agents) {
    if (!agent.identities.ok) continue;
    const held = new Set(agent.identities.value.map((i) => i.id));
    const missing = expected.filter((id) => !held.has(id));
    if (missing.length === 0) continue;
    found.push({
      layer: "endpoints",
      severity: "broken",
      cluster: from.name,
      subject: `identities of ${from.name}/${agent.node}`,
      message: `the agent of ${from.name}/${agent.node} does not know identities ${missing.slice(0, 5).join(", ")} of ${to.name}${missing.length > 5 ? ` and ${missing.length - 5} more` : ""}`,
      next: `compare \`cilium-dbg identity list\` there with \`kubectl get ciliumidentities\` of ${to.name}`,
    });
  }
  return found;
}

function ipcache(from: ClusterSnapshot, to: ClusterSnapshot): Finding[] {
  const settled = settledEndpoints(to);
  const found: Finding[] = [];
  for (const agent of from.agents) {
    if (!agent.ipcache.ok) continue;
    const held = new Set(agent.ipcache.value.map((e) => e.cidr));
    const missing = settled.filter((e) => !held.has(`${e.ip}/32`));
    if (missing.length === 0) continue;
    found.push({
      layer: "endpoints",
      severity: "broken",
      cluster: from.name,
      subject: `ipcache of ${from.name}/${agent.node}`,
      message: `the ipcache of ${from.name}/${agent.node} lacks ${missing
        .slice(0, 5)
        .map((e) => `${e.ip} (${to.name}/${e.namespace}/${e.name})`)
        .join(", ")}${missing.length > 5 ? ` and ${missing.length - 5} more` : ""}`,
      next: `restart the agent of ${agent.node}, which rewrites its maps`,
    });
  }
  return found;
}
