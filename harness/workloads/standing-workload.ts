import type { KindCluster } from "#harness/cluster/kind/kind-cluster.ts";
import { namespaceObject, removeNamespace } from "#harness/kube/namespace.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { EchoBackends } from "./echo-service.ts";
import type { BackendPods } from "./first-backends.ts";
import {
  type ClientRole,
  clientRoles,
  mostClusters,
  type ServerRole,
  type StandingPod,
  serverRoles,
  standingClient,
  standingNamespace,
  standingServer,
} from "./standing-pods.ts";
import { selectsOwnCluster, standingPolicies, unprotect } from "./standing-policies.ts";
import { deployServices, removeStandingServices, type ServiceAddresses } from "./standing-services.ts";

/** One cluster's part of the workload. */
export interface StandingCluster {
  readonly cluster: KindCluster;
  readonly services: ServiceAddresses;
  readonly servers: Readonly<Record<ServerRole, StandingPod>>;
  readonly clients: Readonly<Record<ClientRole, StandingPod>>;
  /** Whether a policy without a cluster label selected pods of this cluster only, when the traffic began. */
  readonly selectsOwnCluster: boolean;
  /** The address of the server outside all clusters on the network of its nodes. */
  readonly outside: string;
}

export interface StandingWorkload {
  readonly echo: EchoBackends;
  readonly clusters: readonly StandingCluster[];
}

export interface StandingWorkloadOptions {
  readonly clusters: readonly KindCluster[];
  readonly agnhostImage: string;
  readonly proberImage: string;
  /** The address of the server outside all clusters, on the network of a cluster's nodes. */
  readonly outside: (cluster: KindCluster) => Promise<string>;
  /** By cluster, what was so when the traffic of a resumed cycle first began; undefined to read it now. */
  readonly selectsOwnCluster: Readonly<Record<string, boolean>> | undefined;
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/** Backends, services, servers and clients in every cluster, without a policy yet. Idempotent. */
export async function deployStanding(options: StandingWorkloadOptions): Promise<StandingWorkload> {
  const { clusters, agnhostImage, proberImage, withinMs, signal } = options;
  if (clusters.length > mostClusters)
    throw new MeshproofError("usage", `the continuous traffic is for at most ${mostClusters} clusters`, {
      remedy: "use a lab with fewer clusters",
    });
  for (const { kube } of clusters) await kube.apply(namespaceObject(standingNamespace));
  await Promise.all(clusters.map(unprotect));
  const echo = await EchoBackends.deploy(clusters, {
    namespace: standingNamespace,
    image: agnhostImage,
    replicas: 2,
    variant: { heartbeatImage: proberImage, patient: true },
    withinMs,
    signal,
  });
  const services = await deployServices(clusters, echo, { withinMs, signal });
  const pods = { image: proberImage, withinMs, signal };
  return {
    echo,
    clusters: await Promise.all(
      clusters.map(async (cluster): Promise<StandingCluster> => {
        const own = services.get(cluster.name);
        if (own === undefined)
          throw new MeshproofError("lab-broken", `the services of ${cluster.name} are not there`);
        return {
          cluster,
          services: own,
          servers: await byRole(serverRoles, (role) =>
            standingServer(cluster, role, { ...pods, clusters: clusters.length }),
          ),
          clients: await byRole(clientRoles, (role) => standingClient(cluster, role, pods)),
          selectsOwnCluster: options.selectsOwnCluster?.[cluster.name] ?? (await selectsOwnCluster(cluster)),
          outside: await options.outside(cluster),
        };
      }),
    ),
  };
}

async function byRole<R extends string>(
  roles: readonly R[],
  make: (role: R) => Promise<StandingPod>,
): Promise<Readonly<Record<R, StandingPod>>> {
  const entries = await Promise.all(roles.map(async (role) => [role, await make(role)] as const));
  return Object.fromEntries(entries) as Record<R, StandingPod>;
}

/** The pods that answer: the backends and the servers. */
export const standingServerPods = ({ echo, clusters }: StandingWorkload): BackendPods[] => [
  ...echo.backendPods,
  ...clusters.map(({ cluster }) => ({
    kube: cluster.kube,
    namespace: standingNamespace,
    labelSelector: `role in (${serverRoles.join(",")})`,
  })),
];

/** Applies the policies of every cluster. */
export async function protect({ clusters }: StandingWorkload): Promise<void> {
  const names = clusters.map((c) => c.cluster.name);
  await Promise.all(
    clusters.map(async ({ cluster, outside }) => {
      for (const policy of standingPolicies(names, outside)) await cluster.kube.apply(policy);
    }),
  );
}

/** Removes everything of the workload from a cluster. */
export async function removeStanding({ kube }: Pick<KindCluster, "kube">): Promise<void> {
  await removeStandingServices({ kube });
  await removeNamespace(kube, standingNamespace);
}
