import { alarmOfEach, answersForShares, shareBand } from "#harness/lib/shares.ts";
import { failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { absence } from "./absence.ts";

export interface Answers {
  /** Pod names, one per answer. */
  readonly good: readonly string[];
  /** The outcome of each request without an answer. */
  readonly bad: readonly string[];
}

/** The backends of one cluster that must serve. */
export interface ExpectedBackends {
  readonly cluster: string;
  readonly deployment: string;
  /** Those that are ready. */
  readonly pods: readonly string[];
  /** How many the suite created, from which the cluster's share follows. */
  readonly replicas: number;
}

/**
 * How many requests `judgeShares` needs: they tell even shares, of clusters and of backends, from 60:40 with a power of
 * 0.99.
 */
export function requestsForShares(expected: readonly ExpectedBackends[], falseAlarm: number): number {
  const parts = [expected.length, expected.reduce((sum, { pods }) => sum + pods.length, 0)];
  // At least so many show that no other backend answers.
  return Math.max(absence.requests, ...parts.map((n) => answersForShares(n, falseAlarm / 2)));
}

/** Whether as many backends as were created are ready. One that is not for a moment would make the others' shares uneven. */
export const judgeAllReady = (what: string, expected: readonly ExpectedBackends[]): Verdict =>
  failedBecause(
    expected
      .filter(({ pods, replicas }) => pods.length < replicas)
      .map(
        ({ cluster, deployment, pods, replicas }) =>
          `${what}: ${pods.length} of ${replicas} backends of ${cluster} (deployment ${deployment}) are ready`,
      ),
  );

/**
 * Whether every request was answered, by all expected backends and no others, by each cluster in proportion to its
 * replicas, and by each backend equally often. Bounds are exact: both tests together have the given probability of a
 * false alarm.
 */
export function judgeShares(
  what: string,
  { good: answers, bad }: Answers,
  expected: readonly ExpectedBackends[],
  falseAlarm: number,
): Verdict {
  const pods = expected.flatMap((e) => e.pods);
  const reasons: string[] = [];
  if (bad.length > 0)
    reasons.push(
      `${what}: ${bad.length} of ${bad.length + answers.length} requests were not answered, such as ${bad[0]}`,
    );
  for (const { cluster, deployment, replicas } of expected.filter((e) => e.pods.length === 0))
    reasons.push(
      `${what}: no backend of ${cluster} (deployment ${deployment}) is ready, ${replicas} were created`,
    );
  if (pods.length === 0)
    return failedBecause([
      ...reasons,
      `${what}: no backend is expected, yet ${answers.length} answers came${answers[0] === undefined ? "" : `, such as from ${answers[0]}`}`,
    ]);
  if (answers.length === 0)
    return failedBecause([...reasons, `${what}: no answer at all, expected ${pods.join(", ")}`]);
  const needed = requestsForShares(expected, falseAlarm);
  // A sample ends early where requests are lost.
  if (bad.length === 0 && answers.length < needed)
    reasons.push(
      `${what}: ${answers.length} requests cannot tell even shares from 60:40, ${needed} are needed`,
    );
  const counts = new Map<string, number>();
  for (const name of answers) counts.set(name, (counts.get(name) ?? 0) + 1);
  const sample: Sample = { what, counts, n: answers.length, falseAlarm: falseAlarm / 2 };
  for (const [name, count] of counts) {
    if (!pods.includes(name))
      reasons.push(`${what}: ${name}, which should not serve, gave ${count} of ${answers.length} answers`);
  }
  return failedBecause([...reasons, ...clusterReasons(sample, expected), ...backendReasons(sample, pods)]);
}

interface Sample {
  readonly what: string;
  readonly counts: ReadonlyMap<string, number>;
  readonly n: number;
  readonly falseAlarm: number;
}

function clusterReasons(sample: Sample, expected: readonly ExpectedBackends[]): string[] {
  const { what, counts, n, falseAlarm } = sample;
  const replicas = expected.reduce((sum, e) => sum + e.replicas, 0);
  return expected.flatMap((of) => {
    const count = of.pods.reduce((sum, pod) => sum + (counts.get(pod) ?? 0), 0);
    const share = of.replicas / replicas;
    const band = shareBand(n, share, alarmOfEach(expected.length, falseAlarm));
    if (band.low <= count && count <= band.high) return [];
    const by = of.pods.length === 0 ? `deployment ${of.deployment}` : of.pods.join(", ");
    return [
      `${what}: the backends of ${of.cluster} (${by}) gave ${percent(count / n)} of ${n} answers, expected ${expectation(share, n, band)}`,
    ];
  });
}

function backendReasons({ what, counts, n, falseAlarm }: Sample, pods: readonly string[]): string[] {
  const share = 1 / pods.length;
  const band = shareBand(n, share, alarmOfEach(pods.length, falseAlarm));
  return pods.flatMap((name) => {
    const count = counts.get(name) ?? 0;
    if (count === 0) return [`${what}: backend ${name} never answered in ${n} answers`];
    return band.low <= count && count <= band.high
      ? []
      : [
          `${what}: backend ${name} gave ${percent(count / n)} of ${n} answers, expected ${expectation(share, n, band)}`,
        ];
  });
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const expectation = (share: number, n: number, { low, high }: { low: number; high: number }): string =>
  `${percent(share)} (${percent(low / n)} to ${percent(high / n)})`;
