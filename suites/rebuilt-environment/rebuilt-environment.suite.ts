import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeOutcomes, type PolicyPath } from "#harness/judge/policy.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { combine, failedBecause, unknownBecause, type Verdict } from "#harness/model/verdict.ts";
import { policySays } from "#harness/semantics/policy-model.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import type { LabService } from "#harness/workloads/lab-objects.ts";
import { sampleBackends } from "#harness/workloads/sampling.ts";
import { connectFrom, sampleFrom } from "#harness/workloads/stand-in.ts";
import { type Vantage, vantagesOf } from "#harness/workloads/vantage.ts";
import { RebuiltEnvironment, type RebuiltPod } from "./rebuilt-environment.ts";

interface Asking {
  readonly client: Cluster;
  readonly vantages: readonly Vantage[];
  readonly standIns: readonly RebuiltPod[];
  readonly requestMs: number;
  readonly signal: AbortSignal;
}

/** The pods that answer a service, compared with its annotations; undefined if policy denies every client. */
async function judgeService(
  rebuilt: RebuiltEnvironment,
  service: LabService,
  { client, vantages, standIns, requestMs, signal }: Asking,
): Promise<Verdict | undefined> {
  const name = `${service.namespace}/${service.name}`;
  const expected = await rebuilt.serving(client, service);
  if (expected.length === 0) return unknownBecause([`${name} has no pod in any cluster`]);
  // Policy may deny the probers, which are pods too; then an allowed stand-in sends the requests.
  const probers = vantages.every((v) =>
    rebuilt.lets(
      { cluster: client.name, namespace: v.namespace, labels: {}, namespaceLabels: {} },
      service,
      expected,
    ),
  );
  const standIn = probers
    ? undefined
    : standIns.find((p) => expected.every((e) => e.ip !== p.ip) && rebuilt.lets(p, service, expected));
  if (!probers && standIn === undefined) return undefined;
  const ip = await rebuilt.clusterIp(client, service);
  const count = 12 * expected.length;
  const sample =
    standIn === undefined
      ? await sampleBackends(client, { ip, port: service.port }, { count, timeoutMs: requestMs, signal })
      : await sampleFrom(client, standIn, { ip, port: service.port }, { count, signal });
  return combine([
    judgeSameSet(
      `${client.name} -> service ${name}, pods that answered`,
      [...new Set(sample.good)],
      expected.map((p) => p.name),
    ),
    failedBecause(sample.bad.slice(0, 1)),
  ]);
}

export default defineSuite(
  {
    name: "rebuilt-environment",
    tags: ["lab-specific", "services", "policy"],
    when: "lab",
    order: 11,
    goal: "On a lab with objects of its own, every global service and every policy has its documented effect.",
    method:
      "Compares the pods that answer each service with its annotations, in every cluster; sends requests from every stand-in to the ports of every other one, and compares the outcomes with the combined policies.",
    failureMeans: "The choice of backends, or policy enforcement, for the objects of the source environment.",
    setup: ({ mesh }) => RebuiltEnvironment.of(mesh),
  },
  ({ clusters, test }) => {
    for (const { name } of clusters) {
      test(`every service of ${name} is answered by the pods that its annotations name`, {
        requires: [{ capability: "labServices", cluster: name }],
      }, async ({ mesh, setup: rebuilt, budgets, within, signal, keepFacts, unsupported, expect }) => {
        const client = mesh.cluster(name);
        const asking: Asking = {
          client,
          vantages: await vantagesOf(client.kube),
          standIns: await rebuilt.podsOf(client),
          requestMs: budgets.requestMs,
          signal,
        };
        let judged: string[] = [];
        let kept: string[] = [];
        const verdict = await judgedInTime(
          async () => {
            [judged, kept] = [[], []];
            const verdicts = await Promise.all(
              rebuilt.servicesOf(client).map(async (service) => {
                const verdict = await judgeService(rebuilt, service, asking);
                (verdict === undefined ? kept : judged).push(`${service.namespace}/${service.name}`);
                return verdict ?? failedBecause([]);
              }),
            );
            return combine(verdicts);
          },
          { what: `the services of ${name} to be answered`, everyMs: 500, ...within.sync },
        );
        keepFacts({ judged: judged.join(", "), keptFromByPolicy: kept.join(", ") });
        expect(verdict).toPass();
        // The pods, and so the clients that policy allows, are only known here.
        if (judged.length === 0)
          unsupported("a service that clients may reach", `policies deny access to every service in ${name}`);
      });

      test(`the policies of ${name} let in and keep out whom they say, from every cluster`, {
        requires: [{ capability: "labPods", cluster: name }],
      }, async ({ mesh, setup: rebuilt, budgets, within, signal, keepFacts, expect }) => {
        const targets = await rebuilt.podsOf(mesh.cluster(name));
        const clients = (await Promise.all(mesh.clusters.map((c) => rebuilt.podsOf(c)))).flat();
        const unclear = new Set<string>();
        const asks = targets.flatMap((to) =>
          to.ports.flatMap((port) =>
            clients
              .filter((from) => from.ip !== to.ip)
              .flatMap((from) => {
                const decision = policySays(rebuilt.policies, { from, to, port }, rebuilt.defaultsToLocal);
                if (decision.verdict !== "unclear")
                  return [{ from, to, port, open: decision.verdict === "allow" }];
                for (const why of decision.why) unclear.add(why);
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
          { what: `the policies of ${name} to be enforced`, everyMs: 500, ...within.sync },
        );
        keepFacts({
          paths: asks.length,
          denied: asks.filter((a) => !a.open).length,
          notUnderstood: [...unclear].join("; "),
        });
        expect(verdict).toPass();
      });
    }
  },
);
