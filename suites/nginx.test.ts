// Goal: KKP's example: nginx in both clusters, each the other's failover, at every front door of the service.
// Method: the guide's own objects, old annotation names among them; who answers at the ClusterIP, the external IP and
// every NodePort: before, while one cluster has no replica, and after.

import { agentsOf } from "#harness/cilium/agent/agent.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { scaleToZero } from "#harness/faults/catalogue/scale.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { hasLoadBalancerIp, podReady } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import {
  budgets,
  expect,
  forEachPair,
  keepFacts,
  mesh,
  nginxImage,
  setUp,
  test,
} from "#harness/testkit/fixtures.ts";
import { namesOf } from "#harness/workloads/affinity.ts";
import { type Draw, drawAnswers, drawFromContainer } from "#harness/workloads/draw.ts";
import { deployNginx, nginxName } from "#harness/workloads/nginx.ts";

const replicas = 2;

/** A way to the service, and the answers that come through it. */
interface Door {
  readonly title: string;
  readonly draw: (count: number, signal: AbortSignal) => Promise<Draw>;
}

const suite = setUp("nginx", async ({ namespace, signal, outside }) => {
  await deployNginx(mesh.clusters, {
    namespace,
    image: nginxImage,
    replicas,
    withinMs: budgets.settleMs,
    signal,
  });
  const doors = new Map<string, readonly Door[]>();
  for (const cluster of mesh.clusters)
    doors.set(cluster.name, await doorsOf(cluster, namespace, await outside(), signal));
  for (const cluster of mesh.clusters)
    await answeredBy(doors.get(cluster.name)!, [cluster], namespace, budgets.settleMs, signal);
  return { namespace, doors };
});

async function doorsOf(
  cluster: Cluster,
  namespace: string,
  outside: string,
  signal: AbortSignal,
): Promise<readonly Door[]> {
  const ip = await cluster.kube.until(kinds.service, { namespace, name: nginxName }, hasLoadBalancerIp, {
    what: `${nginxName} of ${cluster.name} to get an external IP`,
    withinMs: budgets.settleMs,
    signal,
  });
  const { spec } = (await cluster.kube.get(kinds.service, namespace, nginxName))!;
  const port = Number(spec.ports[0].nodePort);
  const fromOutside = (title: string, host: string, at: number): Door => ({
    title,
    draw: (count, stop) => drawFromContainer(outside, { host, port: at }, count, budgets.requestMs, stop),
  });
  return [
    {
      title: `ClusterIP of ${cluster.name}, from its pods`,
      draw: (count, stop) => drawAnswers(cluster, String(spec.clusterIP), count, budgets.requestMs, stop),
    },
    fromOutside(`external IP of ${cluster.name}, from outside`, ip, 80),
    ...(await cluster.nodes()).map((n) =>
      fromOutside(`NodePort of ${cluster.name} on ${n.name}, from outside`, n.address, port),
    ),
  ];
}

/** The addresses of the ready nginx pods of some clusters. */
async function podsOf(homes: readonly Cluster[], namespace: string): Promise<string[]> {
  const pods = await Promise.all(homes.map((c) => c.kube.list(kinds.pod, namespace, "app=nginx")));
  return pods
    .flat()
    .filter(podReady)
    .map((p) => String(p.status.podIP));
}

/** So many that one of two pods is missed once in a hundred thousand draws. */
const draws = 18;

/** Waits until each door is answered by every pod of some clusters and by no other, without a loss. */
async function answeredBy(
  doors: readonly Door[],
  homes: readonly Cluster[],
  namespace: string,
  withinMs: number,
  signal: AbortSignal,
): Promise<void> {
  await eventually(
    async () => {
      const wrong: string[] = [];
      const pods = await podsOf(homes, namespace);
      for (const door of doors) {
        const { good, bad } = await door.draw(draws, signal);
        if (bad.length > 0) wrong.push(`${door.title}: ${bad.length} lost, first: ${bad[0]}`);
        wrong.push(...judgeSameSet(door.title, [...new Set(good)], pods).reasons);
      }
      return wrong.length === 0 && doors.length > 0 ? ready(undefined) : notYet(wrong.join("; "));
    },
    {
      what: `service ${nginxName} to be answered by nginx of ${namesOf(homes)} alone at ${doors.length} front doors`,
      withinMs,
      everyMs: 300,
      signal,
    },
  );
}

/** Every agent of a cluster has these backends behind the ClusterIP, and no others. */
async function mapsHold(
  cluster: Cluster,
  namespace: string,
  pods: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const service = await cluster.kube.get(kinds.service, namespace, nginxName);
  const agents = await agentsOf(cluster, signal);
  expect(agents.length, `agents of ${cluster.name}`).toBeGreaterThan(0);
  for (const agent of agents) {
    const held = (await agent.lbMaps()).get(`${service?.spec.clusterIP}:80/TCP`) ?? [];
    expect(
      judgeSameSet(
        `${agent.name}: BPF backends of ${nginxName}`,
        held.map((b) => b.replace(/:.*$/, "")),
        pods,
      ),
    ).toPass();
  }
}

forEachPair((from, to) => {
  test(`every front door of ${from.name} is answered by its own nginx, the preferred backends`, async (context) => {
    const { namespace, doors } = suite();
    await answeredBy(doors.get(from.name)!, [from], namespace, budgets.syncMs, context.signal);
    const pods = await podsOf([from], namespace);
    expect(pods.length, `nginx pods of ${from.name}`).toBe(replicas);
    await mapsHold(from, namespace, pods, context.signal);
    keepFacts(context, { frontDoors: doors.get(from.name)!.length, backends: pods.length });
  });

  test(`scaled to zero in ${from.name}, every front door is answered by ${to.name}; then by its own again`, async (context) => {
    const { namespace, doors } = suite();
    const own = doors.get(from.name)!;
    await using gone = await scaleToZero({ mesh, namespace, signal: context.signal }, from.kube, nginxName);
    const others = mesh.clusters.filter((c) => c !== from);
    await answeredBy(own, others, namespace, budgets.syncMs, context.signal);
    // "The number of backends is lowered down to 2, and only lists remote backends" (seed 001).
    await mapsHold(from, namespace, await podsOf(others, namespace), context.signal);
    await answeredBy(doors.get(to.name)!, [to], namespace, budgets.syncMs, context.signal);
    await gone.heal();
    await answeredBy(own, [from], namespace, budgets.syncMs, context.signal);
  });
});
