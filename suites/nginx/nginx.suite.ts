import { everyAgentOf } from "#harness/cilium/agent/every-agent.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { scaleToZero } from "#harness/faults/catalogue/scale.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { hasLoadBalancerIp, podReady } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { combine, type Verdict } from "#harness/model/verdict.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn, type SuiteFixtures } from "#harness/testkit/fixture-types.ts";
import type { Waiting } from "#harness/testkit/within.ts";
import { namesOf } from "#harness/workloads/affinity.ts";
import { deployNginx, nginxName } from "#harness/workloads/nginx.ts";
import { type SampledBackends, sampleBackends, sampleFromContainer } from "#harness/workloads/sampling.ts";

const replicas = 2;

/** A front door (address) of the service, and its sampled answers. */
interface Door {
  readonly title: string;
  readonly sample: (count: number, signal: AbortSignal) => Promise<SampledBackends>;
}

async function doorsOf(
  cluster: Cluster,
  outside: string,
  { namespace, budgets, within }: Pick<SuiteFixtures, "namespace" | "budgets" | "within">,
): Promise<readonly Door[]> {
  const ip = await cluster.kube.until(kinds.service, { namespace, name: nginxName }, hasLoadBalancerIp, {
    what: `${nginxName} of ${cluster.name} to get an external IP`,
    ...within.settle,
  });
  const { spec } = found(
    await cluster.kube.get(kinds.service, namespace, nginxName),
    `service ${namespace}/${nginxName} in ${cluster.name}`,
  );
  const port = Number(spec.ports[0].nodePort);
  const fromOutside = (title: string, host: string, at: number): Door => ({
    title,
    sample: (count, stop) =>
      sampleFromContainer(outside, { host, port: at }, { count, timeoutMs: budgets.requestMs, signal: stop }),
  });
  return [
    {
      title: `ClusterIP of ${cluster.name}, from its pods`,
      sample: (count, stop) =>
        sampleBackends(
          cluster,
          { ip: String(spec.clusterIP) },
          { count, timeoutMs: budgets.requestMs, signal: stop },
        ),
    },
    fromOutside(`external IP of ${cluster.name}, from outside`, ip, 80),
    ...(await cluster.nodes()).map((n) =>
      fromOutside(`NodePort of ${cluster.name} on ${n.name}, from outside`, n.address, port),
    ),
  ];
}

/** The addresses of the ready nginx pods of some clusters. */
async function podsOf(expectedClusters: readonly Cluster[], namespace: string): Promise<string[]> {
  const pods = await Promise.all(expectedClusters.map((c) => c.kube.list(kinds.pod, namespace, "app=nginx")));
  return pods
    .flat()
    .filter(podReady)
    .map((p) => String(p.status.podIP));
}

/** Sample size at which one of two pods is missed once in a hundred thousand samples. */
const samples = 18;

/** Waits until every pod of the expected clusters and no other answers at each front door, without a loss. */
async function answeredBy(
  doors: readonly Door[],
  expectedClusters: readonly Cluster[],
  namespace: string,
  within: Waiting,
): Promise<void> {
  await eventually(
    async () => {
      const wrong: string[] = [];
      const pods = await podsOf(expectedClusters, namespace);
      for (const door of doors) {
        const { good, bad } = await door.sample(samples, within.signal);
        if (bad.length > 0) wrong.push(`${door.title}: ${bad.length} lost, first: ${bad[0]}`);
        wrong.push(...judgeSameSet(door.title, [...new Set(good)], pods).reasons);
      }
      return wrong.length === 0 && doors.length > 0 ? ready(undefined) : notYet(wrong.join("; "));
    },
    {
      what: `service ${nginxName} to be answered by nginx of ${namesOf(expectedClusters)} alone at ${doors.length} front doors`,
      everyMs: 300,
      ...within,
    },
  );
}

/** Every agent of a cluster has these backends behind the ClusterIP, and no others. */
async function mapsHold(
  cluster: Cluster,
  namespace: string,
  pods: readonly string[],
  signal: AbortSignal,
): Promise<Verdict> {
  const service = await cluster.kube.get(kinds.service, namespace, nginxName);
  const agents = await everyAgentOf(cluster, signal);
  const verdicts = await Promise.all(
    agents.map(async (agent) => {
      const held = (await agent.lbMaps()).get(`${service?.spec.clusterIP}:80/TCP`) ?? [];
      return judgeSameSet(
        `${agent.name}: BPF backends of ${nginxName}`,
        held.map((b) => b.replace(/:.*$/, "")),
        pods,
      );
    }),
  );
  return combine(verdicts);
}

export default defineSuite(
  {
    name: "nginx",
    tags: ["lab-specific", "services", "failover"],
    when: "lab",
    order: 6,
    goal: "KKP's example: nginx runs in both clusters, and each takes over for the other at every front door (address) of the service.",
    method:
      "Applies the guide's objects, including old annotation names; checks the pods that answer at the ClusterIP, the external IP and every NodePort: before, during and after one cluster has no replica.",
    failureMeans: "The choice of backends, or LoadBalancer and NodePort handling.",
    requires: ["localNodes", "loadBalancer"],
    setup: async ({ mesh, namespace, budgets, images, within, outside }) => {
      await deployNginx(mesh.clusters, { namespace, image: images.nginx, replicas, ...within.settle });
      if (outside === undefined)
        throw new Error("there is no container outside the clusters to send requests from");
      const doors = new Map<string, readonly Door[]>();
      for (const cluster of mesh.clusters)
        doors.set(cluster.name, await doorsOf(cluster, outside, { namespace, budgets, within }));
      for (const cluster of mesh.clusters)
        await answeredBy(doors.get(cluster.name) ?? [], [cluster], namespace, within.settle);
      return doors;
    },
  },
  ({ pairs, test }) => {
    for (const pair of pairs) {
      const { from, to } = pair;

      test(`${pair.name} > every front door of ${from.name} is answered by its own nginx, the preferred backends`, async ({
        mesh,
        namespace,
        setup: doors,
        within,
        signal,
        keepFacts,
        expect,
      }) => {
        const { from } = pairIn(mesh, pair);
        const own = doors.get(from.name) ?? [];
        await answeredBy(own, [from], namespace, within.sync);
        const pods = await podsOf([from], namespace);
        expect(pods.length, `nginx pods of ${from.name}`).toBe(replicas);
        expect(await mapsHold(from, namespace, pods, signal)).toPass();
        keepFacts({ frontDoors: own.length, backends: pods.length });
      });

      test(`${pair.name} > scaled to zero in ${from.name}, every front door is answered by ${to.name}; then by its own again`, async ({
        mesh,
        namespace,
        setup: doors,
        within,
        signal,
        expect,
      }) => {
        const { from, to } = pairIn(mesh, pair);
        const own = doors.get(from.name) ?? [];
        await using gone = await scaleToZero({ mesh, namespace, signal }, from.kube, nginxName);
        const others = mesh.clusters.filter((c) => c !== from);
        await answeredBy(own, others, namespace, within.sync);
        // "The number of backends is lowered down to 2, and only lists remote backends" (seed 001).
        expect(await mapsHold(from, namespace, await podsOf(others, namespace), signal)).toPass();
        await answeredBy(doors.get(to.name) ?? [], [to], namespace, within.sync);
        await gone.heal();
        await answeredBy(own, [from], namespace, within.sync);
      });
    }
  },
);
