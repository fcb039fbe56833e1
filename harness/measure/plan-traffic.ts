import { randomBytes } from "node:crypto";
import { found } from "#harness/lib/found.ts";
import { standingServices } from "#harness/workloads/standing-services.ts";
import type { StandingCluster, StandingWorkload } from "#harness/workloads/standing-workload.ts";
import { tokenBytes } from "./capture.ts";
import {
  allowedPaths,
  type DeniedPath,
  deniedPaths,
  type Entry,
  machineControl,
  type PathFacts,
  type StandingPath,
} from "./standing-paths.ts";

/** Every path of the continuous traffic. */
export interface PlannedTraffic {
  readonly allowed: readonly StandingPath[];
  readonly denied: readonly DeniedPath[];
  readonly control: StandingPath;
}

interface Waiting {
  readonly settleMs: number;
  readonly signal: AbortSignal;
}

/** The paths of a deployed workload; waits for the addresses of its LoadBalancers. */
export async function planTraffic(workload: StandingWorkload, waiting: Waiting): Promise<PlannedTraffic> {
  const facts = await Promise.all(workload.clusters.map((c) => factsOf(c, workload, waiting)));
  const [first] = facts;
  return {
    allowed: allowedPaths(facts, workload.echo.clusterOf),
    denied: deniedPaths(facts, newToken()),
    control: machineControl(found(first, "cluster of the traffic").outside),
  };
}

/** Of this run alone: a datagram of an earlier one would be no leak. */
const newToken = (): string => `mp${randomBytes(tokenBytes).toString("hex")}`.slice(0, tokenBytes);

async function factsOf(
  { cluster, services, servers, selectsOwnCluster, outside }: StandingCluster,
  { echo }: StandingWorkload,
  { settleMs, signal }: Waiting,
): Promise<PathFacts> {
  const { address: node } = found((await cluster.nodes()).at(-1), `node in cluster ${cluster.name}`);
  const entries = await Promise.all(
    (
      [
        [standingServices.local, "own backends"],
        [standingServices.remote, "the other side"],
      ] as const
    ).map(
      async ([service, to]): Promise<Entry[]> => [
        {
          ...{ to, by: "the LoadBalancer", port: 80 },
          host: await echo.loadBalancerIp(cluster, service, settleMs, signal),
        },
        { to, by: "a NodePort", host: node, port: await echo.nodePort(cluster, service) },
      ],
    ),
  );
  return { name: cluster.name, services, servers, selectsOwnCluster, outside, entries: entries.flat() };
}
