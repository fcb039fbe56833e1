import type { Cluster } from "#harness/cluster/cluster.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { type AskReply, type AskSpec, askReplyFormat } from "#harness/model/probe-wire.ts";
import { execIn } from "#harness/platform/docker.ts";
import type { EchoBackends } from "./echo-service.ts";
import { type Answers, askFlows, type Flow, flowName, serviceFlows } from "./flows.ts";
import { askFrom, everyVantageOf, replyOf } from "./vantage.ts";

/** Responses of a service, each on its own connection, the same number from every node of a cluster. */
export interface SampledBackends {
  /** Pod names, one per response. */
  readonly good: readonly string[];
  /** `cluster/node -> ip: outcome (detail)`, one per failed request. */
  readonly bad: readonly string[];
}

export interface SampleOptions {
  readonly count: number;
  /** Of each request. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A node whose first requests are lost sends no more: thousands that time out would take minutes. */
const firstBatch = 100;

export async function sampleBackends(
  from: Cluster,
  { ip, port = 80 }: { readonly ip: string; readonly port?: number },
  { count, timeoutMs, signal }: SampleOptions,
): Promise<SampledBackends> {
  const vantages = await everyVantageOf(from.kube);
  const each = Math.ceil(count / vantages.length);
  const good: string[] = [];
  const bad: string[] = [];
  await Promise.all(
    vantages.map(async (vantage) => {
      for (const size of each > firstBatch ? [firstBatch, each - firstBatch] : [each]) {
        const reply = await askFrom(
          from.kube,
          vantage,
          {
            asks: [{ protocol: "http", host: ip, port, path: "/hostname", count: size }],
            timeoutMs,
            concurrency: 8,
          },
          signal,
        );
        const drawn = sampleOf(reply, `${from.name}/${vantage.node} -> ${ip}:${port}`);
        good.push(...drawn.good);
        bad.push(...drawn.bad);
        if (drawn.bad.length > 0) return;
      }
    }),
  );
  return { good, bad };
}

/** `path` describes the request in messages about failed ones. */
function sampleOf(reply: AskReply, path: string): SampledBackends {
  const answers = found(reply.answers[0], `list of answers in the prober's reply, ${path}`);
  return {
    good: answers.filter((a) => a.outcome === "ok").map((a) => a.body.trim()),
    bad: answers.filter((a) => a.outcome !== "ok").map((a) => `${path}: ${a.outcome} (${a.detail})`),
  };
}

/** The same from a container outside all clusters. */
export async function sampleFromContainer(
  container: string,
  to: { readonly host: string; readonly port: number },
  { count, timeoutMs, signal }: SampleOptions,
): Promise<SampledBackends> {
  const spec: AskSpec = {
    asks: [{ protocol: "http", ...to, path: "/hostname", count }],
    timeoutMs,
    concurrency: 8,
  };
  const reported = await execIn(container, ["node", "/prober/main.mjs", "ask", JSON.stringify(spec)], {
    signal,
  });
  return sampleOf(
    parseRecord(reported.stdout, askReplyFormat, replyOf("the outside client")),
    `outside -> ${to.host}:${to.port}`,
  );
}

/** A service as clients of one cluster reach it, and the clusters whose backends serve it. */
interface Served {
  readonly from: Cluster;
  readonly service: string;
  readonly by: readonly Cluster[];
}

interface WaitingFor {
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/** Twelve requests per backend: about one sample in 100,000 misses a backend by chance, which costs one more sample. */
export const perBackend = 12;

/** Waits until a service, reached from every node of a cluster, is served by exactly the ready pods of the clusters `by`. */
export const waitUntilServedBy = (
  from: Cluster,
  { echo, ...served }: { readonly echo: EchoBackends } & Omit<Served, "from">,
  options: WaitingFor,
): Promise<void> => waitUntilEachServedBy(echo, [{ from, ...served }], options);

/** The same of several services and clusters at once: one process for each client pod, however many services it asks. */
export async function waitUntilEachServedBy(
  echo: EchoBackends,
  all: readonly Served[],
  options: WaitingFor,
): Promise<void> {
  const asked = await Promise.all(all.map((one) => flowsOf(echo, one)));
  const what = all.map(
    ({ from, service, by }) =>
      `${echo.namespace}/${service}, reached from ${from.name}, to be served only by the backends of ${by.map((c) => c.name).join(" and ")}`,
  );
  await eventually(
    async () => {
      const expected = await Promise.all(all.map(({ by }) => Promise.all(by.map((c) => echo.pods(c)))));
      const without = all.flatMap(({ by }, i) => by.filter((_, k) => expected[i]?.[k]?.length === 0));
      if (without.length > 0)
        return notYet(`no ready backend in ${[...new Set(without.map((c) => c.name))].join(", ")}`);
      const most = Math.max(...expected.map((pods) => pods.flat().length));
      const fewestFlows = Math.min(...asked.map((flows) => flows.length));
      const count = Math.ceil((perBackend * most) / fewestFlows);
      const answers = await askFlows(asked.flat(), { count, timeoutMs: 1000, signal: options.signal });
      const of = new Map(asked.flat().map((flow, i) => [flow, answers[i] ?? []]));
      const amiss = all.flatMap((_, i) => amissIn(asked[i] ?? [], of, expected[i]?.flat() ?? []));
      return amiss.length === 0 ? ready(undefined) : notYet(amiss.join("; "));
    },
    { what: `service ${what.join("; service ")}`, everyMs: 300, ...options },
  );
}

async function flowsOf(echo: EchoBackends, { from, service }: Served): Promise<Flow[]> {
  const ip = await echo.clusterIp(from, service);
  return serviceFlows(from, await everyVantageOf(from.kube), { name: service, ip, http: 80 });
}

/** What differs from "served by exactly these pods", as sentences. */
function amissIn(
  flows: readonly Flow[],
  answers: ReadonlyMap<Flow, Answers>,
  expected: readonly string[],
): string[] {
  const all = flows.flatMap((flow) => (answers.get(flow) ?? []).map((answer) => ({ flow, answer })));
  const seen = new Set(all.filter(({ answer }) => answer.outcome === "ok").map((a) => a.answer.body.trim()));
  const missing = expected.filter((pod) => !seen.has(pod));
  const surplus = [...seen].filter((pod) => !expected.includes(pod));
  const [lost, ...others] = all.filter(({ answer }) => answer.outcome !== "ok");
  return [
    ...(expected.length === 0 ? ["no backend is expected, which proves nothing"] : []),
    ...(missing.length === 0 ? [] : [`no answer from ${missing.join(", ")}`]),
    ...(surplus.length === 0 ? [] : [`answers from ${surplus.join(", ")}`]),
    ...(lost === undefined
      ? []
      : [
          `${others.length + 1} lost, first: ${flowName(lost.flow)}: ${lost.answer.outcome} (${lost.answer.detail})`,
        ]),
  ];
}

/** A service over the backends of every cluster; waits until it is served by all of them in every cluster. */
export async function serveEverywhere(
  echo: EchoBackends,
  name: string,
  annotations: Readonly<Record<string, string>>,
  within: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<void> {
  await echo.serve(name, annotations);
  await waitUntilEachServedBy(
    echo,
    echo.clusters.map((from) => ({ from, service: name, by: echo.clusters })),
    within,
  );
}
