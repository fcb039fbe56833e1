import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { hostPort } from "#harness/lib/cidr.ts";
import { combine, failedBecause, unknownBecause, type Verdict } from "#harness/model/verdict.ts";
import type { LabService, LabServicePort } from "#harness/workloads/lab-objects.ts";
import { sampleFrom } from "#harness/workloads/stand-in.ts";
import { askFrom, oneVantageOf, resolveFrom, type Vantage } from "#harness/workloads/vantage.ts";
import { numberOf, type RebuiltEnvironment, type RebuiltPod } from "./rebuilt-environment.ts";

export interface Asking {
  readonly client: Cluster;
  readonly vantages: readonly Vantage[];
  readonly standIns: readonly RebuiltPod[];
  /** Whether EndpointSlices of other clusters are in this one too, so that DNS has their pods. */
  readonly syncsSlices: boolean;
  readonly requestMs: number;
  readonly signal: AbortSignal;
}

/** What was found of one service, or of one of its ports. */
export interface Judged {
  readonly what: string;
  /** Undefined if it was not judged. */
  readonly verdict?: Verdict;
  /** Why it was not judged: policy, or a limit of this suite. */
  readonly why?: string;
}

export const keptByPolicy = "policy keeps every client from it";

/** The pods that answer a service, on each port and address, compared with its annotations. */
export async function judgeService(
  rebuilt: RebuiltEnvironment,
  service: LabService,
  asking: Asking,
): Promise<Judged[]> {
  const what = `${service.namespace}/${service.name}`;
  const expected = await rebuilt.serving(asking.client, service);
  if (expected.length === 0)
    return rebuilt.hasStandIns(service)
      ? [{ what, verdict: unknownBecause([`${what}: none of its stand-ins is ready`]) }]
      : [{ what, why: "the lab has no pod of it" }];
  if (service.headless) return [await judgeHeadless(rebuilt, service, asking)];
  const ips = await rebuilt.clusterIps(asking.client, service);
  const asks = service.ports.flatMap((port) => ips.map((ip) => ({ port, ip })));
  const judged: Judged[] = [];
  // Ports of one service one after another: their requests would only wait for each other.
  for (const { port, ip } of asks)
    judged.push(await judgePort(rebuilt, { service, port, ip, expected }, asking));
  return judged;
}

interface PortAsk {
  readonly service: LabService;
  readonly port: LabServicePort;
  readonly ip: string;
  readonly expected: readonly RebuiltPod[];
}

/** One client of a port, and what it got. */
interface Answers {
  readonly client: string;
  readonly node: string;
  readonly good: readonly string[];
  readonly bad: readonly string[];
}

async function judgePort(rebuilt: RebuiltEnvironment, ask: PortAsk, asking: Asking): Promise<Judged> {
  const { service, port, ip, expected } = ask;
  const { client, vantages, standIns } = asking;
  const what = `${service.namespace}/${service.name} (${hostPort({ ip, port: port.port })}/${port.protocol})`;
  if (expected.some((p) => numberOf(port.targetPort, p) === undefined))
    return { what, why: `stand-ins have no port named ${port.targetPort}` };
  // Policy may deny the probers, which are pods too; then an allowed stand-in sends the requests.
  const probers = vantages.every((v) =>
    rebuilt.lets(
      { cluster: client.name, namespace: v.namespace, labels: {}, namespaceLabels: {} },
      port,
      expected,
    ),
  );
  const standIn = probers
    ? undefined
    : standIns.find((p) => expected.every((e) => e.ip !== p.ip) && rebuilt.lets(p, port, expected));
  if (!probers && standIn === undefined) return { what, why: keptByPolicy };
  const answers =
    standIn === undefined ? await fromProbers(ask, asking) : [await fromStandIn(ask, standIn, asking)];
  const verdicts = service.nodeLocal
    ? await Promise.all(
        answers.map(async (a) => verdictOf(what, ask, [a], await rebuilt.serving(client, service, a.node))),
      )
    : [verdictOf(what, ask, answers, expected)];
  return { what, verdict: combine(verdicts) };
}

/** Twelve requests for each backend: about one sample in 100,000 misses one by chance. */
const countOf = ({ expected }: PortAsk): number => 12 * expected.length;

async function fromProbers(
  ask: PortAsk,
  { client, vantages, requestMs, signal }: Asking,
): Promise<Answers[]> {
  const { service, port, ip } = ask;
  // Each client alone is judged of such a service.
  const each = service.nodeLocal || service.sticky ? countOf(ask) : Math.ceil(countOf(ask) / vantages.length);
  const target = { host: ip, port: port.port, count: each } as const;
  return Promise.all(
    vantages.map(async (vantage): Promise<Answers> => {
      const one =
        port.protocol === "UDP"
          ? ({ ...target, protocol: "udp", path: "hostname" } as const)
          : ({ ...target, protocol: "http", path: "/hostname" } as const);
      const reply = await askFrom(
        client.kube,
        vantage,
        { asks: [one], timeoutMs: requestMs, concurrency: 8 },
        signal,
      );
      const from = `${client.name}/${vantage.node}`;
      const all = reply.answers[0] ?? [];
      return {
        client: from,
        node: vantage.node,
        good: all.filter((a) => a.outcome === "ok").map((a) => a.body.trim()),
        bad: all.filter((a) => a.outcome !== "ok").map((a) => `${from}: ${a.outcome} (${a.detail})`),
      };
    }),
  );
}

async function fromStandIn(ask: PortAsk, standIn: RebuiltPod, { client, signal }: Asking): Promise<Answers> {
  const { port, ip } = ask;
  const { protocol } = port;
  const sample = await sampleFrom(
    client,
    standIn,
    { ip, port: port.port, protocol },
    { count: countOf(ask), signal },
  );
  return { client: `${client.name}/${standIn.namespace}/${standIn.name}`, node: standIn.node, ...sample };
}

function verdictOf(
  what: string,
  { service }: PortAsk,
  answers: readonly Answers[],
  expected: readonly RebuiltPod[],
): Verdict {
  const names = expected.map((p) => p.name);
  const [first] = answers;
  if (names.length === 0) {
    const surplus = answers.flatMap((a) => a.good);
    return failedBecause(
      surplus.length === 0
        ? []
        : [
            `${first?.client} -> service ${what}: ${surplus[0]} answers, though no backend is on the client's node`,
          ],
    );
  }
  const bad = answers.flatMap((a) => a.bad).slice(0, 1);
  const lost = failedBecause(bad.map((b) => `service ${what}: ${b}`));
  if (!service.sticky)
    return combine([
      judgeSameSet(
        `${first?.client.split("/")[0]} -> service ${what}, pods that answered`,
        [...new Set(answers.flatMap((a) => a.good))],
        names,
      ),
      lost,
    ]);
  return combine([
    ...answers.map((a) => {
      const seen = [...new Set(a.good)];
      const surplus = seen.filter((name) => !names.includes(name));
      return failedBecause([
        ...(seen.length > 1
          ? [`${a.client} -> service ${what}: with sessionAffinity, ${seen.join(" and ")} answer`]
          : []),
        ...(surplus.length > 0
          ? [`${a.client} -> service ${what}: should not have ${surplus.join(", ")}`]
          : []),
        ...(seen.length === 0 && a.bad.length === 0 ? [`${a.client} -> service ${what}: no answer`] : []),
      ]);
    }),
    lost,
  ]);
}

/** The name of a headless service stands for the pods of its own cluster. */
async function judgeHeadless(
  rebuilt: RebuiltEnvironment,
  service: LabService,
  { client, syncsSlices, signal }: Asking,
): Promise<Judged> {
  const what = `${service.namespace}/${service.name} (headless)`;
  if (service.global && syncsSlices)
    return { what, why: "its EndpointSlices of other clusters are synchronized: see suite endpoint-slices" };
  const pods = (await rebuilt.podsOf(client, service.selector)).filter(
    (p) => p.namespace === service.namespace,
  );
  if (pods.length === 0) return { what, why: `the lab has no pod of it in ${client.name}` };
  const name = `${service.name}.${service.namespace}.svc.cluster.local`;
  const found = await resolveFrom(client.kube, await oneVantageOf(client.kube), name, signal);
  return {
    what,
    verdict: judgeSameSet(
      `${client.name}: addresses of ${name}`,
      found,
      pods.map((p) => p.ip),
    ),
  };
}
