import { daemonSetReady, podReady } from "#harness/kube/conditions.ts";
import { type Kube, type KubeObject, kinds } from "#harness/kube/kube.ts";
import { tolerateAll } from "#harness/kube/tolerations.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { EventuallyOptions } from "#harness/lib/eventually.ts";
import { parseRecord, type RecordSource } from "#harness/lib/records.ts";
import { type AskReply, type AskSpec, askReplyFormat } from "#harness/model/probe-wire.ts";
import { withoutAgent } from "#harness/semantics/agents.ts";

/** The lab's own namespace, for vantage points and the canary. Suites create their own namespaces. */
export const systemNamespace = "meshproof";
const proberApp = "meshproof-prober";

/** A pod with the prober, which sends requests. */
export interface Vantage {
  readonly cluster: string;
  readonly node: string;
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly ip: string;
}

/** `cpu`: its CPU request. */
export function proberDaemonSet(namespace: string, image: string, cpu = "600m"): KubeObject {
  const labels = { app: proberApp };
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: proberApp, namespace },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          tolerations: tolerateAll,
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: "prober",
              image,
              imagePullPolicy: "IfNotPresent",
              args: ["idle"],
              // A CPU request: without one a pod gets almost no CPU time on a busy node, and measures that. No limit,
              // which would throttle it.
              resources: { requests: { cpu } },
            },
          ],
        },
      },
    },
  };
}

export async function awaitVantages(
  kube: Kube,
  options: Omit<EventuallyOptions, "what">,
  namespace: string = systemNamespace,
): Promise<void> {
  await kube.until(kinds.daemonSet, { namespace, name: proberApp }, daemonSetReady, {
    what: "the prober pods",
    ...options,
  });
}

/** Labels of a namespace's own clients, for policies. */
export const clientLabels = { app: proberApp } as const;

/** Clients of a suite's own on every node of a cluster, which its policies may select. */
export async function deployClients(
  { kube }: { readonly kube: Kube },
  of: { readonly namespace: string; readonly image: string },
  options: Omit<EventuallyOptions, "what">,
): Promise<void> {
  // Beside the lab's own probers, whose request leaves little on a node with two cores.
  await kube.apply(proberDaemonSet(of.namespace, of.image, "50m"));
  await awaitVantages(kube, options, of.namespace);
}

/** The vantage points of one cluster, by node name; of the lab's own probers by default. */
export async function vantagesOf(kube: Kube, namespace: string = systemNamespace): Promise<Vantage[]> {
  const pods = await kube.list(kinds.pod, namespace, `app=${proberApp}`);
  return pods
    .filter(podReady)
    .map((p) => ({
      cluster: kube.cluster,
      node: p.spec.nodeName,
      namespace,
      pod: p.metadata.name,
      uid: String(p.metadata.uid),
      ip: p.status.podIP,
    }))
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}

/** Throws `mesh-not-ready` if a node of the API server has none of these pods; `what` names them. */
export async function requireEveryNode(
  kube: Kube,
  pods: readonly { readonly node: string }[],
  what: string,
): Promise<void> {
  const nodes = (await kube.list(kinds.node)).map(({ metadata }) => ({
    name: metadata.name,
    os: metadata.labels?.["kubernetes.io/os"],
  }));
  const missing = withoutAgent(nodes, pods).map((node) => `${kube.cluster}/${node}`);
  if (missing.length > 0)
    throw new MeshproofError("mesh-not-ready", `no ${what} is ready on node ${missing.join(", ")}`);
  if (pods.length === 0)
    throw new MeshproofError("mesh-not-ready", `the API server of ${kube.cluster} lists no node`);
}

/** One vantage point for every node of the API server; throws `mesh-not-ready` if a node has none. */
export async function everyVantageOf(kube: Kube): Promise<Vantage[]> {
  const vantages = await vantagesOf(kube);
  await requireEveryNode(kube, vantages, "prober pod");
  return vantages;
}

/** For messages about a prober's reply. */
export const replyOf = (prober: string): RecordSource => ({
  what: `the reply of ${prober}`,
  remedy: "run it again; if an older Meshproof created the lab, `down` and `up` replace its prober",
  code: "probe-failed",
});

/** Any vantage point of a cluster. Throws `probe-failed` if no prober is ready. */
export async function oneVantageOf(kube: Kube): Promise<Vantage> {
  const [vantage] = await vantagesOf(kube);
  if (vantage === undefined)
    throw new MeshproofError("probe-failed", `no prober pod is ready in ${kube.cluster}`);
  return vantage;
}

/** Sends requests from a pod and returns the results. Throws `probe-failed` if the prober does not run. */
export async function askFrom(
  kube: Kube,
  from: { namespace: string; pod: string; container?: string },
  spec: AskSpec,
  signal: AbortSignal,
): Promise<AskReply> {
  const total = spec.asks.reduce((sum, a) => sum + a.count, 0);
  const rounds = spec.everyMs === undefined ? Math.ceil(total / Math.max(1, spec.concurrency)) : 1;
  const pacedMs = Math.max(0, ...spec.asks.map((a) => a.count)) * (spec.everyMs ?? 0);
  const result = await kube.exec(
    {
      namespace: from.namespace,
      pod: from.pod,
      container: from.container ?? "prober",
      argv: ["node", "/prober/main.mjs", "ask", JSON.stringify(spec)],
    },
    {
      signal,
      timeoutMs: 30_000 + rounds * spec.timeoutMs + pacedMs,
    },
  );
  if (result.exitCode !== 0) {
    throw new MeshproofError(
      "probe-failed",
      `the prober in ${from.namespace}/${from.pod} of ${kube.cluster} exited with code ${result.exitCode}: ${result.stderr.slice(0, 300)}`,
    );
  }
  return parseRecord(
    result.stdout,
    askReplyFormat,
    replyOf(`the prober in ${from.namespace}/${from.pod} of ${kube.cluster}`),
  );
}

/** The A records of a name from a pod's resolver; none if the name does not exist. */
export function resolveFrom(
  kube: Kube,
  from: { namespace: string; pod: string },
  name: string,
  signal: AbortSignal,
): Promise<string[]> {
  return lookUp<string>(kube, from, { method: "resolve4", name }, signal);
}

/** The SRV records of a name; none if the name does not exist. */
export function resolveSrvFrom(
  kube: Kube,
  from: { namespace: string; pod: string },
  name: string,
  signal: AbortSignal,
): Promise<{ name: string; port: number }[]> {
  return lookUp(kube, from, { method: "resolveSrv", name }, signal);
}

async function lookUp<T>(
  kube: Kube,
  from: { namespace: string; pod: string },
  { method, name }: { readonly method: "resolve4" | "resolveSrv"; readonly name: string },
  signal: AbortSignal,
): Promise<T[]> {
  const script = `require("dns").promises.${method}(${JSON.stringify(name)}).then((a) => a, () => []).then((a) => console.log(JSON.stringify(a)))`;
  const result = await kube.exec(
    { namespace: from.namespace, pod: from.pod, container: "prober", argv: ["node", "-e", script] },
    { signal, timeoutMs: 20_000 },
  );
  if (result.exitCode !== 0)
    throw new MeshproofError(
      "probe-failed",
      `${from.namespace}/${from.pod} of ${kube.cluster} could not resolve ${name}: ${result.stderr.slice(0, 300)}`,
    );
  return JSON.parse(result.stdout) as T[];
}
