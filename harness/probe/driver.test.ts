import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { failoverFacts } from "#harness/judge/failover.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { WireRequest } from "#harness/model/probe-wire.ts";
import { type Prober, Stream } from "./driver.ts";
import { HistoryFile, readHistory } from "./history-file.ts";

test("a good response from a pod of another service counts as lost, with the outcome wrong-backend", async () => {
  const dir = tempFolder("driver");
  const path = join(dir, "h.ndjson");
  const stream = new Stream({} as Prober, {
    title: "t",
    host: "10.0.0.1",
    port: 80,
    everyMs: 5,
    timeoutMs: 1000,
    clusterOf: (pod) => (pod.startsWith("echo-east-") ? "east" : undefined),
    file: path,
  });
  const answer = (seq: number, pod: string): WireRequest => [
    seq,
    5 * seq,
    5 * seq,
    5 * seq + 1,
    "ok",
    pod,
    "",
  ];
  // Reported before the file exists, and after.
  stream.take([answer(0, "echo-east-a"), answer(1, "coredns-b")], []);
  const file = await HistoryFile.create(path, {
    title: "t",
    vantage: "east/w",
    target: "10.0.0.1:80",
    everyMs: 5,
    timeoutMs: 1000,
    connection: "new",
    startedAt: "",
    startedAtUnixMs: 0,
  });
  stream.writeTo(file);
  stream.take([answer(2, "echo-east-a")], []);
  await file.close({ marks: [], cpuShare: 0, clockErrorMs: 0 });
  const facts = failoverFacts(await readHistory(path), { sinceMs: 0 });
  expect(facts).toMatchObject({ sent: 3, lost: 1, lossOutcomes: { "wrong-backend": 1 } });
  rmSync(dir, { recursive: true });
});

test("a stream settles when nothing is lost, and where it is asked for, when answers come in time", async () => {
  const { signal } = new AbortController();
  const prober = {
    ...{ vantage: "east/w", signal, assertAlive: () => {}, onClock: (ms: number) => ms },
    reportedUnixMs: Number.POSITIVE_INFINITY,
  };
  const stream = new Stream(prober as unknown as Prober, {
    ...{ title: "t", host: "10.0.0.1", port: 80, everyMs: 5, timeoutMs: 1000, file: "" },
    clusterOf: () => "east",
  });
  const answers = (from: number, to: number, latencyMs: number): void =>
    stream.take(
      Array.from({ length: to - from }, (_, i): WireRequest => {
        const dueMs = 5 * (from + i);
        return [from + i, dueMs, dueMs, dueMs + latencyMs, "ok", "a", ""];
      }),
      [],
    );
  const calm = { withinMs: 200, quietMs: 1000, answeredWithinMs: 50 };
  answers(0, 600, 80);
  await stream.settled({ withinMs: 200, quietMs: 1000 });
  await expect(stream.settled(calm)).rejects.toThrow("p99 of the latency is 80ms");
  answers(600, 1200, 2);
  await stream.settled(calm);
});
