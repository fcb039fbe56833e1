import { everyAgentOf } from "#harness/cilium/agent/every-agent.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { type EventuallyOptions, eventually, notYet, ready } from "#harness/lib/eventually.ts";
import type { EchoBackends } from "./echo-service.ts";

interface BackendsOf {
  readonly echo: EchoBackends;
  /** Of the service. */
  readonly name: string;
  readonly expectedClusters: readonly Cluster[];
}

/** Waits until the BPF maps of every agent of a cluster hold the service's endpoints in `expectedClusters`. */
export async function backendsHeld(
  cluster: Cluster,
  { echo, name, expectedClusters }: BackendsOf,
  options: Omit<EventuallyOptions, "what">,
): Promise<void> {
  const frontend = `${await echo.clusterIp(cluster, name)}:80/TCP`;
  await eventually(
    async () => {
      const expected = (await Promise.all(expectedClusters.map((h) => echo.endpoints(h, name)))).flat();
      for (const agent of await everyAgentOf(cluster, options.signal)) {
        const held = ((await agent.lbMaps()).get(frontend) ?? []).map((b) => b.replace(/\/\w+$/, ""));
        const missing = expected.filter((w) => !held.includes(w));
        if (missing.length > 0) return notYet(`${agent.name} lacks ${missing.join(", ")}`);
      }
      return ready(undefined);
    },
    { what: `the agents of ${cluster.name} to hold the backends of ${name}`, everyMs: 300, ...options },
  );
}
