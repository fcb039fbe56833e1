import type { Cluster } from "#harness/cluster/cluster.ts";
import type { PolicyPath } from "#harness/judge/policy.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import type { AskTarget } from "#harness/model/probe-wire.ts";
import type { SuiteFixtures } from "#harness/testkit/fixture-types.ts";
import type { Within } from "#harness/testkit/within.ts";
import { askServer, clientPod, type Role, serverPod } from "#harness/workloads/policy-workload.ts";

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

/** A server, an allowed and a denied client in every cluster. */
export async function deployRoles({
  mesh,
  namespace,
  images,
  within,
}: Pick<SuiteFixtures, "mesh" | "namespace" | "images" | "within">): Promise<ReadonlyMap<string, Server>> {
  const servers = new Map<string, Server>();
  await Promise.all(
    mesh.clusters.map(async (cluster) => {
      const own = { namespace, ...within.settle };
      servers.set(cluster.name, await serverPod(cluster, { ...own, image: images.agnhost }));
      for (const role of roles) await clientPod(cluster, role, { ...own, image: images.prober });
    }),
  );
  return servers;
}

/** Sends a request on a path and returns its outcome. */
export const askPath = (
  servers: ReadonlyMap<string, Server>,
  { namespace, budgets }: Pick<SuiteFixtures, "namespace" | "budgets">,
  { from, role, to, ...rest }: Path,
): Promise<PolicyPath> =>
  askServer(
    { cluster: from, role },
    { ...rest, cluster: to, ip: servers.get(to.name)?.ip ?? "" },
    { namespace, timeoutMs: budgets.requestMs, signal: AbortSignal.timeout(60_000) },
  );

export type Ask = (path: Path) => Promise<PolicyPath>;

/** Result of the set-up, for the tests. */
export interface PolicyContext {
  readonly servers: ReadonlyMap<string, Server>;
  readonly ask: Ask;
}

/** Checks that without a policy every path is open; otherwise a denial would prove nothing. */
export async function allOpen(clusters: readonly Cluster[], ask: Ask, within: Within): Promise<void> {
  const paths = clusters.flatMap((from) =>
    roles.flatMap((role) => clusters.map((to) => ({ from, role, to }))),
  );
  await Promise.all(
    paths.map((path) =>
      eventually(
        async () => {
          const answer = await ask(path);
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
