import type { Cluster } from "#harness/cluster/cluster.ts";
import {
  judgeControl,
  judgeDenied,
  judgeOnly,
  judgeOnlyBy,
  judgeServed,
  judgeStaysOpen,
  judgeUnanswered,
  judgeWithdrawn,
} from "#harness/judge/absence.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeOutcomes } from "#harness/judge/policy.ts";
import { found } from "#harness/lib/found.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { type Answers, askFlows, type Flow, flowName, serviceFlows } from "#harness/workloads/flows.ts";
import { perBackend } from "#harness/workloads/sampling.ts";
import { everyVantageOf } from "#harness/workloads/vantage.ts";
import { type Asking, watchDenial, watchServed } from "./watch.ts";
import type { Waiting } from "./within.ts";

/** A path that should be closed is looked at often before it is watched; the watch sees what this misses. */
const lookTimeoutMs = 500;

/** Whether flows of an address or a name that is withdrawn are answered no more, at the latest in time. */
export const silentInTime = (flows: readonly Flow[], { within }: Asking): Promise<Verdict> =>
  judgedInTime(
    async () => {
      const answers = await askFlows(flows, { count: 1, timeoutMs: lookTimeoutMs, signal: within.signal });
      return combine(flows.map((f, i) => judgeUnanswered(flowName(f), answers[i] ?? [])));
    },
    { what: `no answer on ${flows.map(flowName).join("; ")}`, everyMs: 300, ...within },
  );

/** Asks until every flow's answers pass, or time is up; the last answers, and the verdict on them. */
async function controlled(
  flows: readonly Flow[],
  count: number,
  judge: (answers: readonly Answers[]) => Verdict,
  { timeoutMs, within }: Asking,
): Promise<{ readonly answers: readonly Answers[]; readonly verdict: Verdict }> {
  let answers: readonly Answers[] = flows.map(() => []);
  const verdict = await judgedInTime(
    async () => {
      answers = await askFlows(flows, { count, timeoutMs, signal: within.signal });
      return judge(answers);
    },
    { what: `answers on ${flows.map(flowName).join("; ")}`, everyMs: 300, ...within },
  );
  return { answers, verdict };
}

/** Of each look at a control. */
const controls = 2;

const openOf = (flows: readonly Flow[], when: string, asking: Asking) =>
  controlled(
    flows,
    controls,
    (answers) => combine(flows.map((f, i) => judgeControl(`${flowName(f)}, ${when}`, answers[i] ?? []))),
    asking,
  );

/** Whether every flow is open, at the latest in time. `when` says of what moment, for the message. */
export const judgeOpen = async (flows: readonly Flow[], when: string, asking: Asking): Promise<Verdict> =>
  (await openOf(flows, when, asking)).verdict;

export interface Denial {
  /** Denies the flows. */
  readonly deny: () => PromiseLike<unknown>;
  /** Opens them again. */
  readonly permit: () => PromiseLike<unknown>;
  /** Flows that stay open meanwhile. */
  readonly open?: readonly Flow[];
  /** Beside the watch, such as a look at the agent's drops; its verdict counts too. */
  readonly meanwhile?: () => Promise<Verdict>;
}

/** Nothing that is said of no flow proves anything. */
const someFlow = (flows: readonly Flow[]): Verdict =>
  failedBecause(flows.length === 0 ? ["no flow is watched, which proves nothing"] : []);

/**
 * Whether flows are denied, by METHOD.md's rule on absence: each is open before and after, and lets nothing through in
 * many requests over some time; the flows of `open` stay open all that time.
 */
export async function judgeDenial(closed: readonly Flow[], denial: Denial, asking: Asking): Promise<Verdict> {
  const some = someFlow(closed);
  if (some.outcome !== "pass") return some;
  const others = denial.open ?? [];
  const before = await openOf([...closed, ...others], "before the denial", asking);
  if (before.verdict.outcome !== "pass") return before.verdict;
  await denial.deny();
  const enforced = await enforcedInTime(closed, others, asking);
  if (enforced.outcome !== "pass") return enforced;
  const [during, meanwhile] = await Promise.all([watchDenial(closed, others, asking), denial.meanwhile?.()]);
  // A flow that was closed for good meanwhile is a failure, however late the probers were.
  const stillOpen = others.length === 0 ? [] : [await judgeOpen(others, "at the end of the denial", asking)];
  await denial.permit();
  const after = await openOf(closed, "after the denial", asking);
  const judged = combine([
    ...closed.map((flow, i) =>
      judgeDenied({
        flow: flowName(flow),
        before: before.answers[i] ?? [],
        during: during.closed[i] ?? [],
        after: after.answers[i] ?? [],
      }),
    ),
    ...others.map((flow, i) =>
      judgeStaysOpen(`${flowName(flow)}, which policy allows`, during.open[i] ?? [], during.late),
    ),
    ...stillOpen,
    ...(meanwhile === undefined ? [] : [meanwhile]),
  ]);
  return once(judged);
}

const enforcedInTime = (closed: readonly Flow[], others: readonly Flow[], asking: Asking): Promise<Verdict> =>
  judgedInTime(() => enforcedNow(closed, others, asking), {
    what: `${[...closed, ...others].map(flowName).join("; ")} to be as the policy says`,
    everyMs: 300,
    ...asking.within,
  });

/** One request on every flow. */
async function enforcedNow(
  closed: readonly Flow[],
  others: readonly Flow[],
  { timeoutMs, within: { signal } }: Asking,
): Promise<Verdict> {
  const one = { count: 1, signal };
  const [ofClosed, ofOthers] = await Promise.all([
    askFlows(closed, { ...one, timeoutMs: lookTimeoutMs }),
    askFlows(others, { ...one, timeoutMs }),
  ]);
  const expected = (flows: readonly Flow[], answers: readonly Answers[], isOpen: boolean) =>
    flows.map(({ from, to }, i) => {
      const { outcome = "error", detail = "no answer" } = answers[i]?.[0] ?? {};
      return { path: { from, to, outcome, detail }, open: isOpen };
    });
  return judgeOutcomes([...expected(closed, ofClosed, false), ...expected(others, ofOthers, true)]);
}

/** A flow to a service, and the pods that may answer it while others are withdrawn. */
export interface ServedFlow {
  readonly flow: Flow;
  readonly echo: EchoBackends;
  readonly expected: (within: Waiting) => Promise<readonly string[]>;
  readonly withdrawn: (within: Waiting) => Promise<readonly string[]>;
  /** The pods that answer again afterwards: they may have other names then. */
  readonly returned: (within: Waiting) => Promise<readonly string[]>;
}

export interface Withdrawal {
  /** Withdraws the backends; ends once that has had its effect. */
  readonly withdraw: () => PromiseLike<unknown>;
  readonly restore: () => PromiseLike<unknown>;
}

/** A disturbance of the machine is named once, not for every flow. */
export const once = ({ outcome, reasons }: Verdict): Verdict => ({ outcome, reasons: [...new Set(reasons)] });

/** Whether each flow is served by the expected backends only, at the latest in time: what ends a withdrawal saw one protocol. */
const onlyByInTime = async (
  flows: readonly Flow[],
  expected: readonly (readonly string[])[],
  asking: Asking,
): Promise<Verdict> =>
  (
    await controlled(
      flows,
      perBackend * 2 * Math.max(2, ...expected.map((pods) => pods.length)),
      (answers) =>
        combine(
          flows.map((f, i) => judgeOnlyBy(flowName(f), answers[i] ?? [], { expected: expected[i] ?? [] })),
        ),
      asking,
    )
  ).verdict;

/**
 * Whether backends no longer serve, by the same rule: they answer each flow before and after, and in many requests over
 * some time only the expected ones do, every time.
 */
export async function judgeWithdrawal(
  served: readonly ServedFlow[],
  { withdraw, restore }: Withdrawal,
  asking: Asking,
): Promise<Verdict> {
  const flows = served.map((s) => s.flow);
  const servedBy = (when: string, pods: readonly (readonly string[])[]) =>
    controlled(
      flows,
      perBackend * 2 * Math.max(2, ...pods.map((p) => p.length)),
      (answers) =>
        combine(
          flows.map((f, i) =>
            judgeServed(`${flowName(f)}, ${when} the withdrawal`, answers[i] ?? [], pods[i] ?? []),
          ),
        ),
      asking,
    );
  const { within } = asking;
  const withdrawn = await Promise.all(served.map((s) => s.withdrawn(within)));
  const before = await servedBy("before", withdrawn);
  if (before.verdict.outcome !== "pass") return before.verdict;
  await withdraw();
  const expected = await Promise.all(served.map((s) => s.expected(within)));
  const { echo } = found(served[0], "flow of a withdrawal");
  // A backend that left just before the watch loses requests in it.
  const steady = await echo.readinessTimes();
  const settled = await onlyByInTime(flows, expected, asking);
  if (settled.outcome !== "pass") return settled;
  const { answers: during, troubles } = await watchServed(flows, echo, asking, steady);
  await restore();
  const returned = await Promise.all(served.map((s) => s.returned(within)));
  const after = await servedBy("after", returned);
  const judged = combine(
    served.map(({ flow }, i) =>
      judgeWithdrawn(
        {
          flow: flowName(flow),
          before: before.answers[i] ?? [],
          during: during[i] ?? [],
          after: after.answers[i] ?? [],
        },
        {
          expected: expected[i] ?? [],
          withdrawn: withdrawn[i] ?? [],
          returned: returned[i] ?? [],
          troubles,
        },
      ),
    ),
  );
  return once(judged);
}

interface Withdrawn {
  readonly echo: EchoBackends;
  /** The cluster whose clients send requests, from every node. */
  readonly client: Cluster;
  readonly service: string;
  /** The clusters whose backends are withdrawn, and those that serve meanwhile. */
  readonly of: readonly Cluster[];
  readonly remaining: readonly Cluster[];
  /** How many nodes send requests; all by default. */
  readonly nodes?: number;
}

/** The flows of a cluster's clients to an echo service, by TCP and by UDP. */
export async function servedFlows({
  echo,
  client,
  service,
  of,
  remaining,
  nodes,
}: Withdrawn): Promise<ServedFlow[]> {
  const vantages = (await everyVantageOf(client.kube)).slice(nodes === undefined ? 0 : -nodes);
  const ip = await echo.clusterIp(client, service);
  return serviceFlows(client, vantages, { name: service, ip, http: 80, udp: 81 }).map(
    (flow): ServedFlow => ({
      flow,
      echo,
      expected: (within) => echo.allPods(remaining, within),
      withdrawn: (within) => echo.allPods(of, within),
      returned: (within) => echo.allPods(of, within),
    }),
  );
}

interface Served {
  readonly echo: EchoBackends;
  readonly client: Cluster;
  readonly service: string;
  /** The clusters whose backends serve, and another service of the same client, which all others serve. */
  readonly by: readonly Cluster[];
  readonly control: { readonly service: string; readonly by: readonly Cluster[] };
}

/**
 * Whether only some clusters' backends serve a service, by the same rule: in many requests over some time, while those of
 * the others do answer the same clients at another service.
 */
export async function judgeServedOnly(
  { echo, client, service, by, control }: Served,
  asking: Asking,
): Promise<Verdict> {
  const vantages = await everyVantageOf(client.kube);
  const flowsTo = async (name: string): Promise<Flow[]> =>
    serviceFlows(client, vantages, { name, ip: await echo.clusterIp(client, name), http: 80, udp: 81 });
  const [flows, others] = [await flowsTo(service), await flowsTo(control.service)];
  const some = someFlow(flows);
  if (some.outcome !== "pass") return some;
  const { within } = asking;
  const [expected, answering] = [await echo.allPods(by, within), await echo.allPods(control.by, within)];
  const controlledBy = async (when: string): Promise<Verdict> => {
    const judge = (answers: readonly Answers[]): Verdict =>
      combine(
        others.map((f, i) => judgeServed(`${flowName(f)}, the control ${when}`, answers[i] ?? [], answering)),
      );
    return (await controlled(others, perBackend * answering.length, judge, asking)).verdict;
  };
  const before = await controlledBy("before");
  if (before.outcome !== "pass") return before;
  const { answers: during, troubles } = await watchServed(flows, echo, asking);
  const judged = combine([
    ...flows.map((f, i) => judgeOnly(flowName(f), during[i] ?? [], { expected, troubles })),
    await controlledBy("after"),
  ]);
  return once(judged);
}
