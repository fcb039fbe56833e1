import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import type { ProbeLine, ProbeSpec, StreamSpec, WireSample } from "#harness/core/probe-wire.ts";
import { TcpHeartbeat, UdpFlow } from "./kept.ts";
import { type Answer, ReusedConnection, requestOnNewConnection } from "./request.ts";

const flushMs = 50;

/** One way of asking, closed at the end. */
interface Client extends AsyncDisposable {
  request(): Promise<Answer>;
}

function clientOf({ connection, host, port, path, timeoutMs }: StreamSpec): Client {
  switch (connection) {
    case "new":
      return {
        request: () => requestOnNewConnection(host, port, path, timeoutMs),
        async [Symbol.asyncDispose]() {},
      };
    case "reused":
      return new ReusedConnection(host, port, path, timeoutMs);
    case "tcp":
      return new TcpHeartbeat(host, port, timeoutMs);
    case "udp":
      return new UdpFlow(host, port, timeoutMs);
  }
}

/**
 * Open loop: requests leave on fixed grids whatever became of the earlier ones, each stamped at its start, so an
 * outage costs as many samples as it lasts. Ends when standard input does, or at the line `stop`.
 */
export async function probe(spec: ProbeSpec): Promise<void> {
  const control = createServer((_request, response) => response.end("control"));
  await new Promise<void>((resolve) => control.listen(0, "127.0.0.1", resolve));
  const controlPort = (control.address() as AddressInfo).port;
  // The grids are shifted against one another: streams that all fired at once would make each other late.
  const streams = spec.streams.map((s, i) => ({
    ...s,
    offsetMs: (s.everyMs * i) / spec.streams.length,
    client: clientOf(s),
    seq: 0,
  }));
  const dueOf = (s: { offsetMs: number; everyMs: number; seq: number }): number =>
    s.offsetMs + s.seq * s.everyMs;

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

  const inFlight = new Set<Promise<void>>();
  const track = (sending: Promise<Answer>, keep: (answer: Answer) => void): void => {
    const entry = sending.then((answer) => {
      keep(answer);
      inFlight.delete(entry);
    });
    inFlight.add(entry);
  };
  const launch = (index: number): void => {
    const stream = streams[index]!;
    const dueMs = dueOf(stream);
    const mine = stream.seq++;
    const sentMs = nowMs();
    const wire = (answer: Answer): WireSample => [
      index,
      mine,
      round(dueMs),
      round(sentMs),
      round(nowMs()),
      answer.outcome,
      answer.body.slice(0, 100),
      answer.detail,
    ];
    track(stream.client.request(), (answer) => samples.push(wire(answer)));
    if (mine % stream.controlEvery === 0)
      track(requestOnNewConnection("127.0.0.1", controlPort, "/", stream.timeoutMs), (answer) =>
        controls.push(wire(answer)),
      );
  };
  const tick = (): void => {
    if (stopping) return;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [i, stream] of streams.entries()) {
      // A late timer sends every request that is due: the grid does not slip.
      while (dueOf(stream) <= nowMs()) launch(i);
      nextMs = Math.min(nextMs, dueOf(stream));
    }
    setTimeout(tick, Math.max(0, nextMs - nowMs()));
  };
  tick();

  await ended;
  stopping = true;
  await Promise.all(inFlight);
  clearInterval(flusher);
  flush();
  const cpu = process.cpuUsage(cpuAtStart);
  await print({ bye: { cpuShare: (cpu.user + cpu.system) / 1000 / nowMs() } });
  for (const { client } of streams) await client[Symbol.asyncDispose]();
  control.close();
  process.exit(0);
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}

function print(line: ProbeLine): Promise<void> {
  return new Promise((resolve) => process.stdout.write(`${JSON.stringify(line)}\n`, () => resolve()));
}
