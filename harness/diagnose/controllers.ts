import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { known } from "./parts.ts";

/** So often in a row is no hiccup: an agent waits longer after each failure. */
const mostHiccups = 2;

/** What the agents themselves fail at again and again; whatever lies deeper may be why. */
export function controllers(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    cluster.agents.flatMap((agent) =>
      known(agent.controllers ?? { ok: true, value: [] }).map(
        ({ name, failures, message }): Finding => ({
          layer: "controllers",
          severity: failures > mostHiccups ? "broken" : "suspect",
          cluster: cluster.name,
          subject: `controller ${name} of the agent of ${agent.node}`,
          message: `controller ${name} of ${cluster.name}/${agent.node} failed ${failures} times in a row: ${message}`,
          next: `cilium-dbg status --all-controllers, and the log of the agent of ${agent.node}`,
        }),
      ),
    ),
  );
}
