import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import type { ProbeLine, ProbeSpec, WireSample } from "#harness/core/probe-wire.ts";
import { type Answer, ReusedConnection, requestOnNewConnection } from "./request.ts";

const flushMs = 50;

/**
 * Open loop: requests leave on a fixed grid whatever became of the earlier ones, each stamped at its start, so an
 * outage costs as many samples as it lasts. Ends when standard input does, or at the line `stop`.
 */
export async function probe(spec: ProbeSpec): Promise<void> {
  const control = createServer((_request, response) => response.end("control"));
  await new Promise<void>((resolve) => control.listen(0, "127.0.0.1", resolve));
  const controlPort = (control.address() as AddressInfo).port;
  const reused =
    spec.connection === "reused"
      ? new ReusedConnection(spec.host, spec.port, spec.path, spec.timeoutMs)
      : undefined;

  const zero = performance.now();
  const cpuAtStart = process.cpuUsage();
  const nowMs = (): number => performance.now() - zero;
  print({ hello: { startedAtUnixMs: performance.timeOrigin + zero } });

  let samples: WireSample[] = [];
  let controls: WireSample[] = [];
  const flush = (): void => {
    print({ samples, control: controls, nowMs: round(nowMs()) });
    samples = [];
    controls = [];
  };
  const flusher = setInterval(flush, flushMs);

  let stopping = false;
  const input = createInterface({ input: process.stdin });
  const ended = new Promise<void>((resolve) => {
    input.on("line", (line) => {
      if (line.trim() === "stop") resolve();
    });
    input.on("close", resolve);
  });

  let seq = 0;
  const inFlight = new Set<Promise<void>>();
  const launch = (dueMs: number): void => {
    const mine = seq++;
    const sentMs = nowMs();
    const send =
      reused === undefined
        ? requestOnNewConnection(spec.host, spec.port, spec.path, spec.timeoutMs)
        : reused.request();
    track(send, (answer) => samples.push(wire(mine, dueMs, sentMs, answer)));
    if (mine % spec.controlEvery === 0) {
      track(requestOnNewConnection("127.0.0.1", controlPort, "/", spec.timeoutMs), (answer) =>
        controls.push(wire(mine, dueMs, sentMs, answer)),
      );
    }
  };
  const track = (sending: Promise<Answer>, keep: (answer: Answer) => void): void => {
    const entry = sending.then((answer) => {
      keep(answer);
      inFlight.delete(entry);
    });
    inFlight.add(entry);
  };
  const wire = (mine: number, dueMs: number, sentMs: number, answer: Answer): WireSample => [
    mine,
    round(dueMs),
    round(sentMs),
    round(nowMs()),
    answer.outcome,
    answer.body.slice(0, 100),
    answer.detail,
  ];
  const tick = (): void => {
    if (stopping) return;
    // A late timer sends every request that is due: the grid does not slip.
    while (seq * spec.everyMs <= nowMs()) launch(seq * spec.everyMs);
    setTimeout(tick, Math.max(0, seq * spec.everyMs - nowMs()));
  };
  tick();

  await ended;
  stopping = true;
  await Promise.all(inFlight);
  clearInterval(flusher);
  flush();
  const cpu = process.cpuUsage(cpuAtStart);
  await print({ bye: { cpuShare: (cpu.user + cpu.system) / 1000 / nowMs(), sent: seq } });
  await reused?.[Symbol.asyncDispose]();
  control.close();
  process.exit(0);
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}

function print(line: ProbeLine): Promise<void> {
  return new Promise((resolve) => process.stdout.write(`${JSON.stringify(line)}\n`, () => resolve()));
}
