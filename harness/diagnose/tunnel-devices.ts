import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { known } from "./parts.ts";
import { onNode, restartAgent } from "./repairs.ts";

/** An agent sets its device up once, when it starts: whoever takes it down cuts off the node's pods. */
export function tunnelDevices(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    cluster.agents.flatMap(({ node, tunnels }) =>
      known(tunnels)
        .filter((device) => !device.up)
        .map(({ protocol }) =>
          findingOf("tunnel-device-down", {
            cluster: cluster.name,
            subject: `node ${node}`,
            message: `device cilium_${protocol} of node ${node} of ${cluster.name} is down: no tunnelled packet leaves or enters that node`,
            next: `${onNode(cluster, node, ["ip", "link", "set", "dev", `cilium_${protocol}`, "up"])}; ${restartAgent(cluster, node)}; exclude cilium* from what manages the links of the node (systemd-networkd, NetworkManager)`,
          }),
        ),
    ),
  );
}
