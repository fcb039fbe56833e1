import { describe, expect, test } from "vitest";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { AskAnswer, AskTarget } from "#harness/model/probe-wire.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { judgeDenial, judgeServedOnly } from "./absence.ts";
import { clusterAnswering, exampleFlow } from "./example-prober.ts";

/** The answer to a request, by its place in its list; `isWatch`: it is one of those at an interval. */
type Reply = (target: AskTarget, i: number, isWatch: boolean) => Partial<AskAnswer>;

/** A cluster of one node, whose prober gets these answers, on its schedule plus `lateMs`. */
function clusterThat(reply: Reply, lateMs: (sentMs: number) => number = () => 0): Cluster {
  return clusterAnswering(({ asks, everyMs }) =>
    asks.map((target) =>
      Array.from({ length: target.count }, (_, i): AskAnswer => {
        const dueMs = i * (everyMs ?? 0);
        const sentMs = everyMs === undefined ? {} : { sentMs: dueMs + lateMs(dueMs) };
        const answer: AskAnswer = { outcome: "ok", body: "", detail: "", ms: 1, ...sentMs };
        return { ...answer, ...reply(target, i, everyMs !== undefined) };
      }),
    ),
  );
}

const signal = AbortSignal.timeout(60_000);
const asking = { timeoutMs: 2000, within: { withinMs: 5000, signal } };

describe("a denial", () => {
  const closedPort = 80;
  const openPort = 81;
  const judged = (during: Reply, { lateMs = 0, closesForGood = false } = {}) => {
    let isDenied = false;
    let isWatched = false;
    const cluster = clusterThat(
      (target, i, isWatch) => {
        isWatched ||= isWatch;
        const isClosed = target.port === closedPort ? isDenied : closesForGood && isWatched && !isWatch;
        return { outcome: isClosed ? "timeout" : "ok", ...(isWatch ? during(target, i, isWatch) : {}) };
      },
      (sentMs) => (sentMs > 2000 && sentMs < 2300 ? lateMs : 0),
    );
    return judgeDenial(
      [exampleFlow(cluster, closedPort)],
      {
        deny: async () => {
          isDenied = true;
        },
        permit: async () => {
          isDenied = false;
        },
        open: [exampleFlow(cluster, openPort)],
      },
      { ...asking, within: { ...asking.within, withinMs: 500 } },
    );
  };

  test("holds if nothing comes through, and the other flow stays open", async () => {
    expect(await judged(() => ({}))).toEqual({ outcome: "pass", reasons: [] });
  });

  test("fails if the other flow is closed for a part of the watch only", async () => {
    const { outcome, reasons } = await judged(({ port }, i) =>
      port === openPort && i > 5 && i < 9 ? { outcome: "timeout" } : {},
    );
    expect(outcome).toBe("fail");
    expect(reasons).toEqual([
      expect.stringMatching(
        /^east\/client -> west\/server \(10\.2\.0\.5:81\/http\).*3 of 22 requests were not answered/,
      ),
    ]);
  });

  test("is unknown if a late prober lost requests on the other flow, unless it stays closed", async () => {
    const lost: Reply = ({ port }, i) => (port === openPort && i > 15 ? { outcome: "timeout" } : {});
    expect((await judged(lost, { lateMs: 600 })).outcome).toBe("unknown");
    expect((await judged(lost, { lateMs: 600, closesForGood: true })).outcome).toBe("fail");
  });

  test("fails if the flow is opened for a moment", async () => {
    const { outcome } = await judged(({ port }, i) =>
      port === closedPort && i === 300 ? { outcome: "ok" } : {},
    );
    expect(outcome).toBe("fail");
  });

  test("of no flow proves nothing", async () => {
    const nothing = async () => undefined;
    expect(await judgeDenial([], { deny: nothing, permit: nothing }, asking)).toEqual({
      outcome: "fail",
      reasons: ["no flow is watched, which proves nothing"],
    });
  });
});

describe("a service of some clusters only", () => {
  const own = "10.3.0.1";
  const control = "10.3.0.2";
  const judged = (reply: Reply, lateMs?: (sentMs: number) => number) => {
    const client = clusterThat((target, i, isWatch) => {
      const body = target.host === own ? "echo-east-1" : "echo-west-1";
      return { body, ...(isWatch ? reply(target, i, isWatch) : {}) };
    }, lateMs);
    const east = { name: "east" } as Cluster;
    const west = { name: "west" } as Cluster;
    const echo = {
      clusterIp: async (_: Cluster, service: string) => (service === "own" ? own : control),
      allPods: async (clusters: readonly Cluster[]) => clusters.map((c) => `echo-${c.name}-1`),
      readinessTimes: async () => new Map([["echo-east-1", "1"]]),
    } as unknown as EchoBackends;
    return judgeServedOnly(
      { echo, client, service: "own", by: [east], control: { service: "other", by: [west] } },
      asking,
    );
  };

  test("passes if nobody else answers", async () => {
    expect(await judged(() => ({}))).toEqual({ outcome: "pass", reasons: [] });
  });

  test("fails if another one answers once", async () => {
    const { outcome, reasons } = await judged((_, i) => (i === 400 ? { body: "echo-west-1" } : {}));
    expect(outcome).toBe("fail");
    expect(reasons.join()).toContain("echo-west-1 answered 1 of 470 requests");
  });

  test("is unknown if a late prober lost requests, and names the disturbance once for all flows", async () => {
    const lateMs = (sentMs: number): number => (sentMs > 2000 ? 400 : 0);
    const { outcome, reasons } = await judged((_, i) => (i === 300 ? { outcome: "timeout" } : {}), lateMs);
    expect(outcome).toBe("unknown");
    expect(reasons.filter((r) => r.includes("the prober sent"))).toHaveLength(1);
    // One for each protocol.
    expect(reasons.filter((r) => r.includes("1 of 470 requests were not answered"))).toHaveLength(2);
  });
});
