import { expect, test } from "vitest";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Sample } from "#harness/model/history.ts";
import type { Stream } from "#harness/probe/driver.ts";
import { byPods, Flow } from "./node-traffic.ts";
import { LogProbe } from "./pod-log-probe.ts";

const sample = (sentMs: number, servedBy?: string): Sample => ({
  ...{ seq: sentMs, dueMs: sentMs, sentMs, endMs: sentMs + 1 },
  ...(servedBy === undefined ? { outcome: "timeout" } : { outcome: "ok", servedBy }),
});

const flowOf = (): Flow => {
  const vantage = { cluster: "west", node: "worker", namespace: "n", pod: "p", uid: "u", ip: "10.2.0.4" };
  const stream = { prober: { onClock: (unixMs: number) => unixMs - 1000 } } as unknown as Stream;
  return new Flow(vantage, { name: "s", host: "10.102.0.1", port: 80 }, () => stream);
};

test("a flow goes as expected since the last request that did not, and only requests sent later count", () => {
  const flow = flowOf();
  flow.take([sample(1, "new")]);
  flow.expect(byPods(["new"]), 1100);
  expect(flow.asExpectedMs).toBe(Number.NEGATIVE_INFINITY);
  flow.take([sample(90, "old"), sample(110, "new"), sample(150, "new")]);
  expect(flow.asExpectedMs).toBe(50);
  // Known late: the request was lost, and is reported after its timeout.
  flow.take([sample(200, "new"), sample(130)]);
  expect(flow.asExpectedMs).toBe(70);
  flow.expect(byPods([]), 1300);
  flow.take([sample(310), sample(320), sample(330, "new"), sample(340)]);
  expect(flow.asExpectedMs).toBe(10);
});

test("without pods nothing may be answered, not even by a wrong backend", () => {
  const nobody = byPods([]);
  expect(nobody(sample(1))).toBe(true);
  expect(nobody(sample(1, "x"))).toBe(false);
  expect(nobody({ ...sample(1, "x"), outcome: "wrong-backend" })).toBe(false);
  expect(byPods(["a"])({ ...sample(1, "a"), outcome: "wrong-backend" })).toBe(false);
});

test("the log of a pod gives its samples, and the bound of its clock's error", async () => {
  const zero = Date.parse("2026-11-27T10:00:00.000Z");
  const lines = [
    `2026-11-27T10:00:00.004123456Z {"hello":{"startedAtUnixMs":${zero}}}`,
    '2026-11-27T10:00:00.110Z {"samples":[[0,0,5,6,8,"ok","echo-east-1",""],[1,0,7,8,90,"timeout","","x"]],"control":[[0,0,1,2,"ok","control",""]],"nowMs":100}',
    '2026-11-27T10:00:00.153Z {"samples":[[0,1,15,16,18,"ok","other-pod",""]],"control":[],"nowMs":150}',
    "2026-11-27T10:00:00.160Z some other text",
  ];
  const kube = { apply: async () => ({}), logs: async () => lines.join("\n") };
  const probe = await LogProbe.create({
    cluster: { name: "west", kube } as unknown as Cluster,
    ...{ node: "worker", namespace: "n", name: "new-pod", image: "i", everyMs: 10, timeoutMs: 250 },
    targets: [
      { name: "a", host: "10.102.0.1", port: 80 },
      { name: "b", host: "10.102.0.2", port: 80 },
    ],
    clusterOf: (pod) => (pod.startsWith("echo-east-") ? "east" : undefined),
    historyFile: (title) => title,
  });
  const log = await probe.read();
  expect(log?.startedAtUnixMs).toBe(zero);
  expect(log?.clockErrorMs).toBe(3);
  expect(log?.control).toHaveLength(1);
  expect(log?.samples.map((own) => own.map((s) => s.outcome))).toEqual([
    ["ok", "wrong-backend"],
    ["timeout"],
  ]);
});
