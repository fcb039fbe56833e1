import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { known } from "./parts.ts";

/** More failures in a row are not transient: an agent waits longer after each one. */
const mostTransientFailures = 2;

/** Controllers of agents that fail repeatedly; a finding of a deeper layer may be the cause. */
export function controllers(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    cluster.agents.flatMap((agent) =>
      known(agent.controllers ?? { ok: true, value: [] }).map(
        ({ name, failures, message }): Finding => ({
          layer: "controllers",
          severity: failures > mostTransientFailures ? "broken" : "suspect",
          cluster: cluster.name,
          subject: `controller ${name} of the agent of ${agent.node}`,
          message: `controller ${name} of ${cluster.name}/${agent.node} failed ${failures} times in a row: ${message}`,
          next: `cilium-dbg status --all-controllers, and the log of the agent of ${agent.node}`,
        }),
      ),
    ),
  );
}
