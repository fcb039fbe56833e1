// Goal: on a lab that holds objects of its own, every global service and every policy among them does what it says.
// Method: who answers each service is held against what its annotations say, in every cluster; every stand-in asks every
// other one's ports, and what becomes of it is held against what all policies together say.

import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeOutcomes, type PolicyPath } from "#harness/judge/policy.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { podReady } from "#harness/kube/conditions.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { combine, failedBecause, unknownBecause } from "#harness/model/verdict.ts";
import { type ModelPod, type ModelPolicy, policySays } from "#harness/semantics/policy-model.ts";
import { budgets, expect, keepFacts, mesh, setUp, test, unsupported } from "#harness/testkit/fixtures.ts";
import { servingClusters } from "#harness/workloads/affinity.ts";
import { drawAnswers } from "#harness/workloads/draw.ts";
import { type LabService, labObjects, labServices } from "#harness/workloads/lab-objects.ts";
import { connectFrom, drawFrom } from "#harness/workloads/stand-in.ts";
import { vantagesOf } from "#harness/workloads/vantage.ts";

const objects = new Map(mesh.clusters.map((c) => [c.name, labObjects(mesh.state.plan, c.name)]));
const services = new Map(mesh.clusters.map((c) => [c.name, labServices(objects.get(c.name)!)]));
const policies = mesh.clusters.flatMap((c) =>
  objects
    .get(c.name)!
    .filter((o) => o.kind === "CiliumNetworkPolicy" || o.kind === "NetworkPolicy")
    .flatMap((o) =>
      [o.spec, ...((o.specs ?? []) as unknown[])]
        .filter((spec) => spec !== undefined)
        .map(
          (spec): ModelPolicy => ({
            cluster: c.name,
            kind: o.kind!,
            namespace: o.metadata.namespace ?? "default",
            name: o.metadata.name,
            spec,
          }),
        ),
    ),
);

const suite = setUp("field", async () => {
  const local = new Map<string, boolean>();
  for (const c of mesh.clusters)
    local.set(c.name, (await c.setting("policy-default-local-cluster")) === "true");
  return { defaultsToLocal: (cluster: string) => local.get(cluster)! };
});

/** A pod of the lab's own objects, and what policies see of it. */
interface FieldPod extends ModelPod {
  readonly home: Cluster;
  readonly name: string;
  readonly container: string;
  readonly ip: string;
  readonly ports: readonly number[];
  readonly portNames: Readonly<Record<string, number>>;
}

async function podsOf(home: Cluster, selector?: Readonly<Record<string, string>>): Promise<FieldPod[]> {
  const namespaces = new Map((await home.kube.list(kinds.namespace)).map((n) => [n.metadata.name, n]));
  const own = new Set(
    objects
      .get(home.name)!
      .filter((o) => o.kind === "Deployment")
      .map((o) => o.metadata.namespace!),
  );
  const labels = Object.entries(selector ?? {}).map(([k, v]) => `${k}=${v}`);
  const pods: FieldPod[] = [];
  for (const namespace of own)
    for (const p of (await home.kube.list(kinds.pod, namespace, labels.join(",") || undefined)).filter(
      podReady,
    ))
      pods.push(fieldPod(home, p, namespaces.get(namespace)!));
  return pods;
}

function fieldPod(home: Cluster, pod: KubeObject, namespace: KubeObject): FieldPod {
  const declared = (pod.spec.containers as { ports?: { containerPort: number; name?: string }[] }[]).flatMap(
    (c) => c.ports ?? [],
  );
  return {
    home,
    cluster: home.name,
    name: pod.metadata.name,
    namespace: pod.metadata.namespace!,
    labels: pod.metadata.labels ?? {},
    namespaceLabels: namespace.metadata.labels ?? {},
    container: pod.spec.containers[0].name,
    ip: pod.status.podIP,
    ports: declared.map((p) => p.containerPort),
    portNames: Object.fromEntries(
      declared.flatMap((p) => (p.name === undefined ? [] : [[p.name, p.containerPort]])),
    ),
  };
}

/** The pods that a service's annotations call to serve a cluster's clients. */
async function serving(client: Cluster, service: LabService): Promise<FieldPod[]> {
  const there = mesh.clusters
    .map((home) => ({
      home,
      own: services.get(home.name)!.find((s) => s.namespace === service.namespace && s.name === service.name),
    }))
    .filter(({ home, own }) => home === client || (service.global && own?.global === true && own.shared));
  const byHome = await Promise.all(
    there.map(async ({ home, own }) => ({
      home,
      pods: (await podsOf(home, own!.selector)).filter((p) => p.namespace === service.namespace),
    })),
  );
  const having = byHome.filter((b) => b.pods.length > 0).map((b) => b.home);
  const homes = servingClusters(service.global ? service.affinity : "local", client, having);
  return byHome.filter((b) => homes.includes(b.home)).flatMap((b) => b.pods);
}

/** Whether all policies together let a client in to every pod of a service. */
const mayAsk = (from: ModelPod, { targetPort }: LabService, pods: readonly FieldPod[]): boolean =>
  pods.every((to) => {
    const port = typeof targetPort === "number" ? targetPort : to.portNames[targetPort];
    return (
      port !== undefined &&
      policySays(policies, { from, to, port }, suite().defaultsToLocal).verdict === "allow"
    );
  });

for (const client of mesh.clusters) {
  test(`every service of ${client.name} is answered by the pods that its annotations name`, async (context) => {
    const { signal } = context;
    const own = services.get(client.name)!;
    if (own.length === 0) unsupported(context, `services of its own: the lab file gives ${client.name} none`);
    const vantages = await vantagesOf(client.kube);
    const standIns = await podsOf(client);
    const asked: string[] = [];
    const kept: string[] = [];
    const verdict = await judgedInTime(
      async () => {
        asked.length = 0;
        kept.length = 0;
        return combine(
          await Promise.all(
            own.map(async (service) => {
              const name = `${service.namespace}/${service.name}`;
              const expected = await serving(client, service);
              if (expected.length === 0) return unknownBecause([`${name} has no pod in any cluster`]);
              // Probers are pods too: where policy keeps them out, a stand-in that it lets in asks.
              const probers = vantages.every((v) =>
                mayAsk(
                  { cluster: client.name, namespace: v.namespace, labels: {}, namespaceLabels: {} },
                  service,
                  expected,
                ),
              );
              const friend = probers
                ? undefined
                : standIns.find((p) => expected.every((e) => e.ip !== p.ip) && mayAsk(p, service, expected));
              if (!probers && friend === undefined) {
                kept.push(name);
                return failedBecause([]);
              }
              asked.push(name);
              const object = await client.kube.get(kinds.service, service.namespace, service.name);
              const ip = String(object?.spec.clusterIP);
              const count = 12 * expected.length;
              const draw =
                friend === undefined
                  ? await drawAnswers(client, ip, count, budgets.requestMs, signal, service.port)
                  : await drawFrom(client, friend, { ip, port: service.port }, { count, signal });
              return combine([
                judgeSameSet(
                  `${client.name} -> service ${name}, who answers`,
                  [...new Set(draw.good)],
                  expected.map((p) => p.name),
                ),
                failedBecause(draw.bad.slice(0, 1)),
              ]);
            }),
          ),
        );
      },
      {
        what: `the services of ${client.name} to be answered`,
        withinMs: budgets.syncMs,
        everyMs: 500,
        signal,
      },
    );
    keepFacts(context, { asked: asked.join(", "), keptFromByPolicy: kept.join(", ") });
    expect(verdict).toPass();
    if (asked.length === 0) unsupported(context, `a service that policy lets anybody ask in ${client.name}`);
  });

  test(`the policies of ${client.name} let in and keep out whom they say, from every cluster`, async (context) => {
    const { signal } = context;
    const targets = await podsOf(client);
    if (targets.length === 0) unsupported(context, `pods of its own: the lab file gives ${client.name} none`);
    const clients = (await Promise.all(mesh.clusters.map((c) => podsOf(c)))).flat();
    const unclear = new Set<string>();
    const asks = targets.flatMap((to) =>
      to.ports.flatMap((port) =>
        clients
          .filter((from) => from.ip !== to.ip)
          .flatMap((from) => {
            const said = policySays(policies, { from, to, port }, suite().defaultsToLocal);
            if (said.verdict !== "unclear") return [{ from, to, port, open: said.verdict === "allow" }];
            for (const why of said.why) unclear.add(why);
            return [];
          }),
      ),
    );
    const verdict = await judgedInTime(
      async () =>
        judgeOutcomes(
          await Promise.all(
            asks.map(async ({ from, to, port, open }) => {
              const path: PolicyPath = {
                from: `${from.cluster}/${from.namespace}/${from.name}`,
                to: `${to.cluster}/${to.namespace}/${to.name} (${to.ip}:${port})`,
                ...(await connectFrom(
                  from.home,
                  from,
                  { ip: to.ip, port },
                  { timeoutMs: budgets.requestMs, signal },
                )),
              };
              return { path, open };
            }),
          ),
        ),
      {
        what: `the policies of ${client.name} to be enforced`,
        withinMs: budgets.syncMs,
        everyMs: 500,
        signal,
      },
    );
    keepFacts(context, {
      paths: asks.length,
      denied: asks.filter((a) => !a.open).length,
      notUnderstood: [...unclear].join("; "),
    });
    expect(verdict).toPass();
  });
}
