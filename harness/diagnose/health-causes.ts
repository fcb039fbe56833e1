import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { isHostFirewallOn } from "#harness/semantics/host-policies.ts";
import { tunnelPort } from "#harness/semantics/mesh-settings.ts";
import type { Cell } from "./health-cells.ts";
import { nameOf } from "./parts.ts";
import { podCarrierOf } from "./pod-carriers.ts";

/** What a node that agents do not reach lacks. */
interface Cause {
  /** To follow the paths that fail. */
  readonly cause: string;
  readonly next: string;
}

/** The cause that failed paths to a node show, where nothing else explains them. `cells`: at least one. */
export function causeOf(mesh: MeshSnapshot, node: string, cells: readonly Cell[]): Cause {
  const all = (part: string): boolean => cells.every((c) => c.path.includes(part));
  if (all("HTTP")) return portClosed(mesh, node, cells);
  const carrier = carrierOf(mesh, node);
  if (all("ICMP"))
    return {
      cause: `TCP ${healthPort} passes and ICMP does not: a filter drops ICMP${all("endpoint") ? `, or ${carrier.what} loses packets` : ""}`,
      next: `let ICMP pass to ${placeOf(node, cells)}: security groups, and ${rulesOn(node)}; traffic of pods does not need it`,
    };
  return all("endpoint")
    ? {
        cause: `the node answers, its health endpoint does not: ${carrier.what} is broken`,
        next: `check ${carrier.check}: ${rulesOn(node)}, and the network between the nodes`,
      }
    : {
        cause: "no path to it works: the node, or the network to it, is down",
        next: `check ICMP and TCP ${healthPort} to ${node}: ${rulesOn(node)}, and the network between the nodes`,
      };
}

/** At which agents, and health endpoints, answer health checks (`cluster-health-port`). */
const healthPort = 4240;

const rulesOn = (node: string): string =>
  `the rules of \`iptables-save\` and of \`nft list ruleset\` on ${node.split("/")[1] ?? node}`;

function placeOf(node: string, cells: readonly Cell[]): string {
  const ips = [...new Set(cells.map((c) => c.ip))].filter((ip) => ip !== "");
  return ips.length === 0 ? node : `${node} (${ips.join(" and ")})`;
}

/** ICMP passes, so there is a path: something on it filters the port, or nothing listens. */
function portClosed(mesh: MeshSnapshot, node: string, cells: readonly Cell[]): Cause {
  const refused = cells.every((c) => /connection refused/i.test(c.status));
  const how = refused ? "is refused" : "does not pass";
  const place = placeOf(node, cells);
  if (cells.every((c) => c.path === "endpoint HTTP"))
    return {
      cause: `ICMP to the health endpoint there passes and TCP ${healthPort} ${how}: ${refused ? "nothing listens there" : `a policy that selects reserved:health, or a filter, drops it, or ${carrierOf(mesh, node).what} loses packets`}`,
      next: refused
        ? `restart the agent of ${node}, which runs the health endpoint`
        : `let TCP ${healthPort} pass to ${place}: policies that select reserved:health, and ${rulesOn(node)}`,
    };
  const firewall = hasHostFirewall(mesh, node)
    ? ", and policies with a nodeSelector, because the host firewall is on there"
    : "";
  return {
    cause: `ICMP passes and TCP ${healthPort} ${how}: ${refused ? "a firewall rejects it, or no agent listens there" : "a security group, a network ACL or a firewall on the way or on the node filters it"}`,
    next: `let TCP ${healthPort} in to ${place} from the nodes of every cluster: security groups and network ACLs, ${rulesOn(node)}${firewall}`,
  };
}

const clusterOf = (mesh: MeshSnapshot, node: string) =>
  mesh.clusters.find((c) => nameOf(c) === node.split("/")[0]);

function hasHostFirewall(mesh: MeshSnapshot, node: string): boolean {
  const { config } = clusterOf(mesh, node) ?? {};
  return config?.ok === true && isHostFirewallOn(config.value);
}

/** What carries packets to the pods of a node. */
function carrierOf(mesh: MeshSnapshot, node: string): { readonly what: string; readonly check: string } {
  const cluster = clusterOf(mesh, node);
  if (cluster === undefined) {
    const port = tunnelPort({ name: node, settings: {} });
    return { what: `the tunnel (UDP ${port}) to it`, check: `UDP ${port} to and from ${node}` };
  }
  const { path, need, isRouted } = podCarrierOf(cluster);
  return {
    what: path,
    check: isRouted ? `the routes to the pod CIDR of ${node}` : `${need} to and from ${node}`,
  };
}
