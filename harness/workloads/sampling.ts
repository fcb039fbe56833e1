import type { Cluster } from "#harness/cluster/cluster.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { type AskReply, type AskSpec, askReplyFormat } from "#harness/model/probe-wire.ts";
import { execIn } from "#harness/platform/docker.ts";
import type { EchoBackends } from "./echo-service.ts";
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

/** Waits until a service, reached from every node of a cluster, is served by exactly the ready pods of the clusters `by`. */
export async function waitUntilServedBy(
  from: Cluster,
  {
    echo,
    service,
    by,
  }: { readonly echo: EchoBackends; readonly service: string; readonly by: readonly Cluster[] },
  options: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const ip = await echo.clusterIp(from, service);
  const names = by.map((h) => h.name).join(" and ");
  await eventually(
    async () => {
      const pods = await Promise.all(by.map((h) => echo.pods(h)));
      const without = by.filter((_, i) => pods[i]?.length === 0);
      if (without.length > 0) return notYet(`no ready backend in ${without.map((h) => h.name).join(", ")}`);
      const expected = new Set(pods.flat());
      // Twelve requests per backend: about one sample in 100,000 misses a backend by chance, which costs one more
      // sample.
      const count = 12 * Math.max(1, expected.size);
      const sample = await sampleBackends(from, { ip }, { count, timeoutMs: 1000, signal: options.signal });
      const seen = new Set(sample.good);
      const missing = [...expected].filter((pod) => !seen.has(pod));
      const surplus = [...seen].filter((pod) => !expected.has(pod));
      if (expected.size > 0 && missing.length === 0 && surplus.length === 0 && sample.bad.length === 0)
        return ready(undefined);
      return notYet(
        [
          missing.length === 0 ? "" : `no answer from ${missing.join(", ")}`,
          surplus.length === 0 ? "" : `answers from ${surplus.join(", ")}`,
          sample.bad.length === 0 ? "" : `${sample.bad.length} lost, first: ${sample.bad[0]}`,
        ]
          .filter((s) => s !== "")
          .join("; "),
      );
    },
    {
      what: `service ${echo.namespace}/${service}, reached from ${from.name}, to be served only by the backends of ${names}`,
      withinMs: options.withinMs,
      everyMs: 300,
      signal: options.signal,
    },
  );
}

/** A service over the backends of every cluster; waits until it is served by all of them in every cluster. */
export async function serveEverywhere(
  echo: EchoBackends,
  name: string,
  annotations: Readonly<Record<string, string>>,
  within: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<void> {
  await echo.serve(name, annotations);
  for (const cluster of echo.clusters)
    await waitUntilServedBy(cluster, { echo, service: name, by: echo.clusters }, within);
}
