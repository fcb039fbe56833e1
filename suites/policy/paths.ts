import type { Cluster } from "#harness/cluster/cluster.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import type { AskTarget } from "#harness/model/probe-wire.ts";
import type { SuiteFixtures } from "#harness/testkit/fixture-types.ts";
import type { Asking } from "#harness/testkit/watch.ts";
import type { Within } from "#harness/testkit/within.ts";
import type { Flow } from "#harness/workloads/flows.ts";
import { askFlow, clientPod, policyFlow, type Role, serverPod } from "#harness/workloads/policy-workload.ts";

export const roles: readonly Role[] = ["allowed", "denied"];

/** A path from a client of one cluster to a server of another. */
export interface Path {
  readonly from: Cluster;
  readonly role: Role;
  readonly to: Cluster;
  readonly port?: number;
  readonly protocol?: AskTarget["protocol"];
}

export interface Server {
  readonly ip: string;
  readonly node: string;
}

/** The servers and clients of every cluster; result of the set-up, for the tests. */
export interface PolicyContext {
  readonly server: (cluster: Cluster) => Server;
  readonly clientIp: (cluster: Cluster, role: Role) => string;
  readonly flow: (path: Path) => Flow;
  readonly asking: (within: Within) => Asking;
}

/** A server, an allowed and a denied client in every cluster. */
export async function deployRoles({
  mesh,
  namespace,
  images,
  budgets,
  within,
}: Pick<SuiteFixtures, "mesh" | "namespace" | "images" | "budgets" | "within">): Promise<PolicyContext> {
  const servers = new Map<string, Server>();
  const clients = new Map<string, string>();
  await Promise.all(
    mesh.clusters.map(async (cluster) => {
      const own = { namespace, ...within.settle };
      servers.set(cluster.name, await serverPod(cluster, { ...own, image: images.agnhost }));
      for (const role of roles) {
        const ip = await clientPod(cluster, role, { ...own, image: images.prober });
        clients.set(`${cluster.name}/${role}`, ip);
      }
    }),
  );
  const server = ({ name }: Cluster): Server => found(servers.get(name), `server in ${name}`);
  return {
    server,
    clientIp: ({ name }, role) => found(clients.get(`${name}/${role}`), `client ${role} in ${name}`),
    flow: ({ from, role, to, ...rest }) =>
      policyFlow({ cluster: from, role }, { ...rest, cluster: to, ip: server(to).ip }, namespace),
    asking: ({ sync }) => ({ timeoutMs: budgets.requestMs, within: sync }),
  };
}

/** Checks that without a policy every path is open; otherwise a denial would prove nothing. */
export async function allOpen(
  clusters: readonly Cluster[],
  { flow, asking }: Pick<PolicyContext, "flow" | "asking">,
  within: Within,
): Promise<void> {
  const { timeoutMs } = asking(within);
  const paths = clusters.flatMap((from) =>
    roles.flatMap((role) => clusters.map((to) => ({ from, role, to }))),
  );
  await Promise.all(
    paths.map((path) =>
      eventually(
        async () => {
          const answer = await askFlow(flow(path), { timeoutMs, signal: within.signal });
          return answer.outcome === "ok" ? ready(answer) : notYet(answer.outcome);
        },
        {
          what: `${path.from.name}/${path.role} to reach ${path.to.name}'s server without a policy`,
          ...within.settle,
        },
      ),
    ),
  );
}
