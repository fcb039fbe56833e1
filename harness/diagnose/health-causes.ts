import { shortList } from "#harness/lib/short-list.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { isHostFirewallOn } from "#harness/semantics/host-policies.ts";
import { tunnelPort } from "#harness/semantics/mesh-settings.ts";
import type { Cell } from "./health-cells.ts";
import { portsAsked } from "./health-settings.ts";
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
  const port = portsAsked(mesh, cells);
  if (all("ICMP"))
    return {
      cause: `${cells.every((c) => c.isTcpJudged) ? `TCP ${port} passes and ICMP does not` : "ICMP does not pass, and TCP is not judged, because the ports of health checks differ"}: a filter drops ICMP${all("endpoint") ? `, or ${carrier.what} loses packets` : ""}`,
      next: `let ICMP pass to ${placeOf(node, cells)}: security groups, and ${rulesOn(node)}; traffic of pods does not need it`,
    };
  if (all("endpoint"))
    return {
      cause: `the node answers, its health endpoint does not: ${carrier.what} is broken`,
      next: `check ${carrier.check}: ${rulesOn(node)}, and the network between the nodes`,
    };
  return {
    cause: cells.some((c) => c.path === "host ICMP")
      ? "no path to it works: the node, or the network to it, is down"
      : `the node answers ICMP, and neither TCP ${port} there nor ${carrier.what} works`,
    next: `check ICMP and TCP ${port} to ${node}: ${rulesOn(node)}, and the network between the nodes`,
  };
}

const isRefused = ({ status }: Cell): boolean => /connection refused/i.test(status);

/** Whether only TCP to a node itself fails, and something drops it: one filter may do so for several nodes. */
export const isFiltered = (cells: readonly Cell[]): boolean =>
  cells.every((c) => c.path.endsWith("HTTP")) &&
  cells.some((c) => c.path === "host HTTP") &&
  !cells.every(isRefused);

const rulesOn = (node: string): string =>
  `the rules of \`iptables-save\` and of \`nft list ruleset\` on ${node.split("/")[1] ?? node}`;

function placeOf(node: string, cells: readonly Cell[]): string {
  const ips = [...new Set(cells.map((c) => c.ip))].filter((ip) => ip !== "");
  return ips.length === 0 ? node : `${node} (${ips.join(" and ")})`;
}

/** ICMP passes, so there is a path: something on it filters the port, or nothing listens. */
function portClosed(mesh: MeshSnapshot, node: string, cells: readonly Cell[]): Cause {
  const refused = cells.every(isRefused);
  const port = portsAsked(mesh, cells);
  const how = refused ? "is refused" : "does not pass";
  const place = placeOf(node, cells);
  if (cells.every((c) => c.path === "endpoint HTTP"))
    return {
      cause: `ICMP to the health endpoint there passes and TCP ${port} ${how}: ${refused ? "nothing listens there" : `a policy that selects reserved:health, or a filter, drops it, or ${carrierOf(mesh, node).what} loses packets`}`,
      next: refused
        ? `restart the agent of ${node}, which runs the health endpoint`
        : `let TCP ${port} pass to ${place}: policies that select reserved:health, and ${rulesOn(node)}`,
    };
  return {
    cause: `ICMP passes and TCP ${port} ${how}: ${refused ? "a firewall rejects it, or no agent listens there" : `${filters} or on the node filters it`}`,
    next: openPort(mesh, port, { nodes: [node], places: [place] }),
  };
}

const filters = "a security group, a network ACL or a firewall on the way";

interface Closed {
  /** By their names in Cilium. */
  readonly nodes: readonly string[];
  /** The same with the addresses that were asked. */
  readonly places: readonly string[];
}

function openPort(mesh: MeshSnapshot, port: string, { nodes, places }: Closed): string {
  const [node = "", ...others] = nodes;
  const rules =
    others.length === 0
      ? rulesOn(node)
      : "the rules of `iptables-save` and of `nft list ruleset` on these nodes";
  const firewall = nodes.some((n) => hasHostFirewall(mesh, n))
    ? ", and policies with a nodeSelector, because the host firewall is on there"
    : "";
  return `let TCP ${port} in to ${shortList(places, 6)} from the nodes of every cluster: security groups and network ACLs, ${rules}${firewall}`;
}

/** The same of several nodes (`isFiltered`). */
export function sharedCauseOf(
  mesh: MeshSnapshot,
  asked: readonly { readonly node: string; readonly cells: readonly Cell[] }[],
): Cause {
  const port = portsAsked(
    mesh,
    asked.flatMap((a) => a.cells),
  );
  return {
    cause: `ICMP passes and TCP ${port} does not pass: ${filters} or on the nodes filters it`,
    next: openPort(mesh, port, {
      nodes: asked.map((a) => a.node),
      places: asked.map((a) => placeOf(a.node, a.cells)),
    }),
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
