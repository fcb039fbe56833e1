import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { known, kubectl } from "./parts.ts";
import { restartAgent } from "./repairs.ts";

/** In the node, or in its agent, which is in the node's network. */
function onNode(cluster: ClusterSnapshot, node: string, argv: readonly string[]): string {
  if (known(cluster.containers).some((c) => c.name === node))
    return shellQuote(["docker", "exec", node, ...argv]);
  const pod = known(cluster.pods).find((p) => p.node === node && p.labels["k8s-app"] === "cilium");
  return pod === undefined
    ? `on that node, as root: ${shellQuote(argv)}`
    : kubectl(pod.namespace, "exec", `pod/${pod.name}`, "-c", "cilium-agent", "--", ...argv);
}

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
