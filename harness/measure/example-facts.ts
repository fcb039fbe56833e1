import { serverRoles } from "#harness/workloads/standing-pods.ts";
import type { PathFacts, ServerAt } from "./standing-paths.ts";

/** Two clusters, for tests of paths and captures: east's policies without a cluster label select its own pods only. */
export function exampleFacts({ dualStack = false }: { readonly dualStack?: boolean } = {}): PathFacts[] {
  return [
    ["east", 1, true],
    ["west", 2, false],
  ].map(([name, id, own]): PathFacts => {
    const server = (i: number): ServerAt => ({
      ip: `10.${id}.0.${11 + i}`,
      ip6: dualStack ? `fd00:${id}::${11 + i}` : undefined,
      node: `${name}-control-plane`,
    });
    return {
      name: String(name),
      services: {
        local: `10.10${id}.0.1`,
        remote: `10.10${id}.0.2`,
        ipv6: dualStack ? `fd00:10${id}::2` : undefined,
        dns: `10.10${id}.0.53`,
        headless: { name: "standing-headless.mp-standing.svc.cluster.local", port: 8080 },
        imported: { from: name === "east" ? "west" : "east", ip: `10.10${id}.0.3` },
      },
      servers: {
        server: server(serverRoles.indexOf("server")),
        "server-deny": server(serverRoles.indexOf("server-deny")),
        "server-kubernetes": server(serverRoles.indexOf("server-kubernetes")),
        "server-unlabelled": server(serverRoles.indexOf("server-unlabelled")),
        target: server(serverRoles.indexOf("target")),
      },
      selectsOwnCluster: own === true,
      outside: "172.18.0.9",
      entries: (["own backends", "the other side"] as const).flatMap((to, i) => [
        { to, by: "the LoadBalancer", host: `10.20${id}.0.${1 + i}`, port: 80 },
        { to, by: "a NodePort", host: `172.18.0.${id}`, port: 30_001 + i },
      ]),
    };
  });
}
