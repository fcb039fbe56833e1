import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeOutcomes, type PolicyPath } from "#harness/judge/policy.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import type { ServiceProblem } from "#harness/semantics/service-definitions.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { connectFrom } from "#harness/workloads/stand-in.ts";
import { everyVantageOf } from "#harness/workloads/vantage.ts";
import { type Asking, type Judged, judgeService, keptByPolicy } from "./judge-service.ts";
import { RebuiltEnvironment, type RebuiltPod } from "./rebuilt-environment.ts";

/** A failure of a service whose definitions are wrong names what is wrong with them. */
function withCause(judged: Judged, problems: readonly ServiceProblem[]): Verdict {
  const { what, verdict = failedBecause([]) } = judged;
  const own = problems.filter((p) => what.startsWith(`${p.service} `));
  if (verdict.outcome === "pass" || own.length === 0) return verdict;
  return {
    ...verdict,
    reasons: [...verdict.reasons, `probable cause: ${own.map((p) => p.problem).join("; ")}`],
  };
}

/** Work in small parts, so that the requests of a large environment do not wait for each other. */
async function inBatches<T, R>(
  items: readonly T[],
  size: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let i = 0; i < items.length; i += size)
    results.push(...(await Promise.all(items.slice(i, i + size).map(work))));
  return results;
}

/** Paths of one attempt: a large environment has thousands, of which evenly spaced ones are tried. */
const mostPaths = 240;

const spaced = <T>(items: readonly T[], most: number): T[] =>
  items.length <= most
    ? [...items]
    : items.filter(
        (_, i) => Math.floor((i * most) / items.length) !== Math.floor(((i - 1) * most) / items.length),
      );

interface PathAsk {
  readonly from: RebuiltPod;
  readonly to: RebuiltPod;
  readonly port: number;
  readonly open: boolean;
}

/** Every path to these pods on which the policies decide, and what the model cannot decide on. */
function asksTo(
  rebuilt: RebuiltEnvironment,
  targets: readonly RebuiltPod[],
  clients: readonly RebuiltPod[],
): { readonly asks: PathAsk[]; readonly unclear: string[] } {
  const unclear = new Set<string>();
  const asks: PathAsk[] = [];
  for (const to of targets)
    for (const port of to.ports)
      for (const from of clients.filter((c) => c.ip !== to.ip)) {
        const { verdict, why } = rebuilt.says({ from, to, port });
        if (verdict === "unclear") for (const reason of why) unclear.add(reason);
        else asks.push({ from, to, port, open: verdict === "allow" });
      }
  return { asks, unclear: [...unclear] };
}

export default defineSuite(
  {
    name: "rebuilt-environment",
    tags: ["lab-specific", "services", "policy"],
    when: "lab",
    order: 11,
    goal: "On a lab with objects of its own, every global service and every policy has its documented effect.",
    method:
      "Compares the pods that answer each service with its annotations, traffic policy and session affinity, on every port over TCP and UDP, in every cluster; names what it does not judge; sends requests from every stand-in to the ports of every other one, and compares the outcomes with the combined policies.",
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
          vantages: await everyVantageOf(client.kube),
          standIns: await rebuilt.podsOf(client),
          syncsSlices: (await client.setting("clustermesh-enable-endpoint-sync")) === "true",
          requestMs: budgets.requestMs,
          signal,
        };
        const problems = rebuilt.problemsOf(client);
        let judged: Judged[] = [];
        const verdict = await judgedInTime(
          async () => {
            judged = (
              await inBatches(rebuilt.servicesOf(client), 8, (s) => judgeService(rebuilt, s, asking))
            ).flat();
            return combine(judged.filter((j) => j.verdict !== undefined).map((j) => withCause(j, problems)));
          },
          { what: `the services of ${name} to be answered`, everyMs: 500, ...within.sync },
        );
        const left = judged.filter((j) => j.verdict === undefined);
        const notAsked = [
          ...left.filter((j) => j.why !== keptByPolicy).map((j) => `${j.what}: ${j.why}`),
          ...rebuilt.notAskedOf(client).map((n) => `${n.service}: ${n.why}`),
          ...problems
            .filter((p) => p.problem.includes("absent here"))
            .map((p) => `${p.service}: ${p.problem}`),
        ];
        keepFacts({
          judged: judged
            .filter((j) => j.verdict !== undefined)
            .map((j) => j.what)
            .join(", "),
          keptFromByPolicy: left
            .filter((j) => j.why === keptByPolicy)
            .map((j) => j.what)
            .join(", "),
          notJudged: notAsked.join("; "),
        });
        expect(verdict).toPass();
        // The pods, and so the clients that policy allows, are only known here.
        if (left.length === judged.length)
          unsupported("a service that clients may reach", left.map((j) => `${j.what}: ${j.why}`).join("; "));
      });

      test(`the policies of ${name} let in and keep out whom they say, from every cluster`, {
        requires: [{ capability: "labPods", cluster: name }],
      }, async ({ mesh, setup: rebuilt, budgets, within, signal, keepFacts, unsupported, expect }) => {
        const targets = await rebuilt.podsOf(mesh.cluster(name));
        const clients = (await Promise.all(mesh.clusters.map((c) => rebuilt.podsOf(c)))).flat();
        const { asks: all, unclear } = asksTo(rebuilt, targets, clients);
        // The pods and their policies are only known here.
        if (all.length === 0)
          unsupported(
            "a path on which policies decide",
            unclear.length > 0 ? `not judged: ${unclear.join("; ")}` : "there are not two pods",
          );
        const asks = spaced(all, mostPaths);
        const verdict = await judgedInTime(
          async () =>
            judgeOutcomes(
              await inBatches(asks, mostPaths / 4, async ({ from, to, port, open }) => {
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
          { what: `the policies of ${name} to be enforced`, everyMs: 500, ...within.sync },
        );
        keepFacts({
          paths: asks.length,
          pathsNotTried: all.length - asks.length,
          denied: asks.filter((a) => !a.open).length,
          notJudged: unclear.join("; "),
        });
        expect(verdict).toPass();
      });
    }
  },
);
