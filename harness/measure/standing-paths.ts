import type { TrafficGroup } from "#harness/model/certificate.ts";
import type { Connection } from "#harness/model/history.ts";
import { echoHttpPort, heartbeatServicePort } from "#harness/workloads/echo.ts";
import {
  type ClientRole,
  deniedPort,
  type ServerRole,
  standingEchoPort,
  standingNamespace,
} from "#harness/workloads/standing-pods.ts";
import { type ServiceAddresses, standingServices } from "#harness/workloads/standing-services.ts";

/** A server's addresses and node. */
export interface ServerAt {
  readonly ip: string;
  readonly ip6: string | undefined;
  readonly node: string;
}

/** What the paths of one cluster need to know of it. */
export interface PathFacts {
  readonly name: string;
  readonly services: ServiceAddresses;
  readonly servers: Readonly<Record<ServerRole, ServerAt>>;
  readonly selectsOwnCluster: boolean;
  /** The server outside all clusters, on the network of its nodes. */
  readonly outside: string;
  /** How clients outside reach it: LoadBalancer addresses and NodePorts. */
  readonly entries: readonly Entry[];
}

export interface Entry {
  readonly to: "own backends" | "the other side";
  readonly by: "the LoadBalancer" | "a NodePort";
  readonly host: string;
  readonly port: number;
}

/** Where requests come from: a pod of a cluster, or the container outside all clusters. */
export type Sender =
  | { readonly cluster: string; readonly pod: ClientRole | "vantage" }
  | { readonly cluster?: undefined };

export interface StandingPath {
  readonly path: string;
  readonly group: TrafficGroup;
  readonly from: Sender;
  readonly host: string;
  readonly port: number;
  readonly connection: Connection;
  readonly everyMs: number;
  readonly dnsServer?: string;
  /** The clusters of its client and its servers. */
  readonly clusters: readonly string[];
  readonly clusterOf: (servedBy: string) => string | undefined;
  /** The node of a server that is one pod. */
  readonly node?: string;
  /** The cluster whose policyDefaultLocalCluster decides whether it is allowed. */
  readonly decidedBy?: string;
}

/** A flow that a policy denies: a capture at its server must see nothing of it. */
export interface DeniedPath extends StandingPath {
  readonly connection: "new" | "udp";
  /** What captures call its two ends: `east/denied`, and `west/server` or `outside of east`. */
  readonly client: string;
  readonly server: string;
  /** Where its server is: a pod, or outside all clusters, where only the client's node sees what leaves. */
  readonly at: { readonly cluster: string; readonly role: ServerRole | "outside" };
  readonly token?: string;
}

/**
 * Intervals in milliseconds. Two cores carry two clusters' traffic beside Cilium at this rate from the first phase to
 * the last; a test adds it up.
 */
const every = {
  /** The figure that decides: new connections to the other cluster. */
  across: 100,
  kept: 250,
  seldom: 500,
  /** A leak of 200 ms is seen where identities cross the mesh. */
  deniedTcp: 170,
  deniedUdp: 250,
  deniedTcpOwn: 500,
  deniedUdpOwn: 1000,
  /** UDP between two containers outside all clusters. */
  control: 100,
} as const;

/** Every path that must work. */
export function allowedPaths(
  clusters: readonly PathFacts[],
  backendCluster: (pod: string) => string | undefined,
): StandingPath[] {
  return [
    ...clusters.flatMap((c) => [...servicePaths(c, clusters, backendCluster), ...namePaths(c, clusters)]),
    ...clusters.flatMap((c) => entryPaths(c, clusters, backendCluster)),
    ...clusters.flatMap((c) => policyPaths(c, clusters)),
    ...clusters.flatMap((c) => egressPaths(c, clusters)),
  ];
}

function servicePaths(
  { name, services, servers }: PathFacts,
  all: readonly PathFacts[],
  backendCluster: (pod: string) => string | undefined,
): StandingPath[] {
  const from = { cluster: name, pod: "vantage" } as const;
  const clusters = all.map((c) => c.name);
  const global = { from, clusters, clusterOf: backendCluster, connection: "new", port: 80 } as const;
  const across = { ...global, group: "other cluster", host: services.remote } as const;
  const kept = (connection: Connection, port: number, over: string): StandingPath => ({
    ...across,
    ...{ connection, port, everyMs: every.kept },
    path: `${name}: pod to the other side over ${over}`,
  });
  return [
    {
      ...global,
      ...{ group: "own cluster", host: services.local, everyMs: every.kept },
      path: `${name}: pod to own backends by ClusterIP`,
    },
    { ...across, path: `${name}: pod to the other side by ClusterIP`, everyMs: every.across },
    kept("reused", 80, "HTTP keep-alive"),
    kept("tcp", heartbeatServicePort, "a kept TCP connection"),
    kept("udp", heartbeatServicePort, "a UDP flow"),
    {
      ...global,
      ...{ group: "headless", host: services.headless.name, port: services.headless.port },
      path: `${name}: pod to the pods of a headless service of every cluster`,
      everyMs: every.seldom,
    },
    ...(services.ipv6 === undefined
      ? []
      : [
          {
            ...{ ...global, group: "other cluster" as const, host: services.ipv6, everyMs: every.kept },
            path: `${name}: pod to a service of every cluster over IPv6`,
          },
        ]),
    ...(services.imported === undefined
      ? []
      : [
          {
            ...{ ...global, group: "multi-cluster service" as const, host: services.imported.ip },
            path: `${name}: pod to the service that ${services.imported.from} exports (MCS-API)`,
            everyMs: every.seldom,
          },
        ]),
    {
      ...{ from, group: "own cluster", connection: "new", everyMs: every.kept, clusters: [name] },
      ...{ host: servers.target.ip, port: echoHttpPort, node: servers.target.node },
      path: ownPodPath(name),
      clusterOf: only("target", name),
    },
  ];
}

/** A path with no mesh in it: between two pods of one cluster, without a service or a policy. */
export const ownPodPath = (cluster: string): string => `${cluster}: pod to a pod of its own cluster`;

/** The name of the service that each cluster has under its own address, so an answer shows whose server gave it. */
function namePaths({ name, services }: PathFacts, all: readonly PathFacts[]): StandingPath[] {
  const common = {
    from: { cluster: name, pod: "vantage" },
    group: "names",
    host: `${standingServices.remote}.${standingNamespace}.svc.cluster.local`,
    port: 53,
    connection: "dns",
    everyMs: every.seldom,
  } as const;
  return [
    {
      ...common,
      path: `${name}: names`,
      clusters: [name],
      clusterOf: (address) => (address === services.remote ? name : undefined),
    },
    {
      ...common,
      path: `${name}: names from the DNS servers of the other side`,
      dnsServer: services.dns,
      clusters: all.map((c) => c.name),
      clusterOf: (address) => all.find((c) => c.services.remote === address)?.name,
    },
  ];
}

const entryPaths = (
  { name, entries }: PathFacts,
  all: readonly PathFacts[],
  backendCluster: (pod: string) => string | undefined,
): StandingPath[] =>
  entries.map(({ to, by, host, port }) => ({
    path: `outside to ${to} by ${by} of ${name}`,
    group: "outside",
    from: {},
    ...{ host, port, connection: "new", everyMs: every.seldom },
    clusters: to === "own backends" ? [name] : all.map((c) => c.name),
    clusterOf: backendCluster,
  }));

/** Requests whose path alone is of interest. */
const nowAndThen = { port: echoHttpPort, connection: "new", everyMs: every.seldom } as const;

const ingressRoles = ["server", "server-deny", "server-kubernetes", "server-unlabelled"] as const;

/** The requests of a cluster's allowed client to the servers of every cluster. */
function policyPaths({ name }: PathFacts, all: readonly PathFacts[]): StandingPath[] {
  const from = { cluster: name, pod: "allowed" } as const;
  return all.flatMap((to) =>
    ingressRoles.flatMap((role): StandingPath[] => {
      const unlabelled = role === "server-unlabelled";
      if (unlabelled && isDeniedByMeaning(name, to)) return [];
      const at = to.servers[role];
      const common = {
        from,
        group: unlabelled ? "policy without cluster label" : "policy",
        ...{ host: at.ip, node: at.node, clusters: bothOf(name, to.name), clusterOf: only(role, to.name) },
        ...(unlabelled && to.name !== name ? { decidedBy: to.name } : {}),
      } as const;
      const path = `${name}/allowed to ${to.name}/${role}`;
      const isKept = role === "server" && to.name !== name;
      return [
        { ...common, ...nowAndThen, path },
        ...(isKept
          ? ([
              ["tcp", "a kept TCP connection"],
              ["udp", "a UDP flow"],
            ] as const)
          : []
        ).map(
          ([connection, over]): StandingPath => ({
            ...common,
            connection,
            port: standingEchoPort,
            everyMs: every.kept,
            path: `${path} over ${over}`,
          }),
        ),
        ...(at.ip6 === undefined || to.name === name
          ? []
          : [{ ...common, ...nowAndThen, host: at.ip6, path: `${path} over IPv6` }]),
      ];
    }),
  );
}

/** What the egress policies of a cluster's client allow: one port of the targets, and of one address outside. */
function egressPaths({ name, outside }: PathFacts, all: readonly PathFacts[]): StandingPath[] {
  const common = {
    from: { cluster: name, pod: "egress" },
    group: "policy",
  } as const;
  return [
    ...all.map(
      ({ name: to, servers: { target } }): StandingPath => ({
        ...{ ...common, ...nowAndThen, host: target.ip, node: target.node },
        ...{ clusters: bothOf(name, to), clusterOf: only("target", to) },
        path: `${name}/egress to ${to}/target`,
      }),
    ),
    {
      ...{ ...common, ...nowAndThen, host: outside, clusters: [name], clusterOf: () => outsideName },
      path: `${name}/egress to a CIDR outside`,
    },
  ];
}

/** What answers outside all clusters belongs to none. */
export const outsideName = "outside";

/** Every flow that a policy denies. All datagrams of denied flows begin with the token. */
export function deniedPaths(clusters: readonly PathFacts[], token: string): DeniedPath[] {
  return clusters.flatMap((from, index) => [
    ...clusters.flatMap((to) =>
      ingressRoles.flatMap((role) => deniedFlows({ from, to, role, client: "denied", index }, token)),
    ),
    ...clusters
      .filter((to) => isDeniedByMeaning(from.name, to))
      .flatMap((to) => deniedFlows({ from, to, role: "server-unlabelled", client: "allowed", index }, token)),
    ...clusters.flatMap((to) => deniedFlows({ from, to, role: "target", client: "egress", index }, token)),
    ...deniedFlows({ from, to: from, role: "outside", client: "egress", index }, token),
  ]);
}

interface DeniedEnds {
  readonly from: PathFacts;
  readonly to: PathFacts;
  readonly role: ServerRole | "outside";
  readonly client: ClientRole;
  /** Of the client's cluster. */
  readonly index: number;
}

function deniedFlows({ from, to, role, client, index }: DeniedEnds, token: string): DeniedPath[] {
  const own = role !== "outside" && from.name === to.name;
  const server = role === "outside" ? `outside of ${from.name}` : `${to.name}/${role}`;
  const meaning = role === "server-unlabelled";
  const common = {
    from: { cluster: from.name, pod: client },
    group: meaning ? "policy without cluster label" : "policy",
    client: `${from.name}/${client}`,
    server,
    at: { cluster: to.name, role },
    clusters: bothOf(from.name, to.name),
    clusterOf: role === "outside" ? () => outsideName : only(role, to.name),
    ...(meaning && from.name !== to.name ? { decidedBy: to.name } : {}),
  } as const;
  const tcp = { port: deniedPort(client, index), connection: "new" } as const;
  const udp = {
    port: standingEchoPort,
    connection: "udp",
    token: `${token} ${from.name}/${client}`,
  } as const;
  const flows = (host: string, ip: string): DeniedPath[] => [
    {
      ...{ ...common, ...tcp, host, everyMs: own ? every.deniedTcpOwn : every.deniedTcp },
      path: `${common.client} to ${server} (TCP${ip})`,
    },
    {
      ...{ ...common, ...udp, host, everyMs: own ? every.deniedUdpOwn : every.deniedUdp },
      path: `${common.client} to ${server} (UDP${ip})`,
    },
  ];
  if (role === "outside") return flows(from.outside, "");
  const { ip, ip6 } = to.servers[role];
  return [...flows(ip, ""), ...(ip6 === undefined || own ? [] : flows(ip6, ", IPv6"))];
}

/** UDP between two containers outside all clusters: the test machine's network alone. */
export const machineControl = (outside: string): StandingPath => ({
  path: "between two containers outside all clusters",
  group: "outside",
  from: {},
  ...{ host: outside, port: standingEchoPort, connection: "udp", everyMs: every.control },
  clusters: [],
  clusterOf: () => outsideName,
});

/** Requests per second of these paths. */
export const requestsPerSecond = (paths: readonly Pick<StandingPath, "everyMs">[]): number =>
  paths.reduce((sum, p) => sum + 1000 / p.everyMs, 0);

/** Whether a policy without a cluster label keeps this cluster's clients out, when the traffic begins. */
const isDeniedByMeaning = (from: string, to: Pick<PathFacts, "name" | "selectsOwnCluster">): boolean =>
  to.selectsOwnCluster && to.name !== from;

const bothOf = (one: string, other: string): string[] => [...new Set([one, other])];

const only =
  (pod: string, cluster: string) =>
  (servedBy: string): string | undefined =>
    servedBy === pod ? cluster : undefined;
