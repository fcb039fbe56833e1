import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { known } from "./parts.ts";

/** An agent sets its device up once, when it starts: whoever takes it down cuts off the node's pods. */
export function tunnelDevices(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    cluster.agents.flatMap(({ node, tunnels }) =>
      (tunnels === undefined ? [] : known(tunnels))
        .filter((device) => !device.up)
        .map(({ protocol }) =>
          findingOf("tunnel-device-down", {
            cluster: cluster.name,
            subject: `node ${node}`,
            message: `device cilium_${protocol} of node ${node} of ${cluster.name} is down: no tunnelled packet leaves or enters that node`,
            next: `on that node: ip link set dev cilium_${protocol} up; exclude cilium* from what manages its links (systemd-networkd, NetworkManager), and restart its agent`,
          }),
        ),
    ),
  );
}
