import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { known } from "./parts.ts";
import { isRefused, mostTransientFailures } from "./refused-sources.ts";

/** Controllers of agents that fail repeatedly, without those that the API server refuses; a deeper finding may be the cause. */
export function controllers(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    cluster.agents.flatMap((agent) =>
      known(agent.controllers)
        .filter(({ message }) => !isRefused(message))
        .map(
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
