import { createServer } from "node:http";
import { type AddressInfo, isIP } from "node:net";
import { createInterface } from "node:readline";
import type { ProbeLine, ProbeSpec, StreamSpec, WireRequest, WireSample } from "#harness/model/probe-wire.ts";
import { TcpHeartbeat, UdpFlow } from "./kept.ts";
import {
  type Answer,
  ReusedConnection,
  requestByDns,
  requestByName,
  requestOnNewConnection,
} from "./request.ts";

const flushMs = 50;

/** Requests at a fixed interval, whatever the results of the earlier ones. */
interface Grid {
  readonly everyMs: number;
  /** Sequence number of the next request. */
  dueMs: number;
  seq: number;
  readonly request: () => Promise<Answer>;
  readonly keep: (row: WireRequest) => void;
}

/** A kind of request, closed at the end. */
interface Client extends AsyncDisposable {
  request(): Promise<Answer>;
}

function clientOf({ connection, host, port, path, timeoutMs, token, dnsServer }: StreamSpec): Client {
  switch (connection) {
    case "new": {
      const request = isIP(host) === 0 ? requestByName : requestOnNewConnection;
      return { request: () => request(host, port, path, timeoutMs), async [Symbol.asyncDispose]() {} };
    }
    case "reused":
      return new ReusedConnection(host, port, path, timeoutMs);
    case "tcp":
      return new TcpHeartbeat(host, port, timeoutMs);
    case "udp":
      return new UdpFlow(host, port, timeoutMs, token);
    case "dns":
      return { request: () => requestByDns(host, timeoutMs, dnsServer), async [Symbol.asyncDispose]() {} };
  }
}

/**
 * Open loop: requests are sent at fixed intervals whatever the results of the earlier ones, each stamped at its
 * start, so an outage costs as many samples as it lasts. The line `interval-factor N` multiplies the interval of all
 * but the control requests. Ends when standard input closes, or at the line `stop`.
 */
export async function probe(spec: ProbeSpec): Promise<void> {
  const controlServer = createServer((_request, response) => response.end("control"));
  await new Promise<void>((resolve) => controlServer.listen(0, "127.0.0.1", resolve));
  const controlPort = (controlServer.address() as AddressInfo).port;
  let samples: WireSample[] = [];
  let controls: WireRequest[] = [];
  const streams = spec.streams.map((stream) => ({ everyMs: stream.everyMs, client: clientOf(stream) }));
  // The streams are shifted against one another, because simultaneous requests would delay each other.
  const grids: Grid[] = streams.map(({ everyMs, client }, i) => ({
    everyMs,
    dueMs: (everyMs * i) / streams.length,
    seq: 0,
    request: () => client.request(),
    keep: (row) => samples.push([i, ...row]),
  }));
  const controlTimeoutMs = Math.min(...spec.streams.map((s) => s.timeoutMs));
  const control: Grid = {
    everyMs: spec.controlEveryMs,
    dueMs: 0,
    seq: 0,
    request: () => requestOnNewConnection("127.0.0.1", controlPort, "/", controlTimeoutMs),
    keep: (row) => controls.push(row),
  };
  grids.push(control);
  let intervalFactor = 1;

  const zero = performance.now();
  const cpuAtStart = process.cpuUsage();
  const nowMs = (): number => performance.now() - zero;
  print({ hello: { startedAtUnixMs: performance.timeOrigin + zero } });

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
      const slower = /^interval-factor (\d+)$/.exec(line.trim())?.[1];
      if (slower !== undefined) setFactor(Number(slower));
      if (line.trim() === "stop") resolve();
    });
    input.on("close", resolve);
  });

  const setFactor = (factor: number): void => {
    for (const grid of grids) {
      if (grid === control || grid.seq === 0 || factor >= intervalFactor) continue;
      // A request scheduled at the slow rate could be seconds away; none is sent for a time that has passed.
      const lastMs = grid.dueMs - grid.everyMs * intervalFactor;
      const everyMs = grid.everyMs * factor;
      grid.dueMs = lastMs + everyMs * Math.max(1, Math.ceil((nowMs() - lastMs) / everyMs));
    }
    intervalFactor = factor;
  };

  const inFlight = new Set<Promise<void>>();
  const launch = (grid: Grid): void => {
    const { dueMs } = grid;
    const seq = grid.seq++;
    grid.dueMs += grid.everyMs * (grid === control ? 1 : intervalFactor);
    const sentMs = nowMs();
    const entry = grid.request().then(({ outcome, body, detail }) => {
      grid.keep([seq, round(dueMs), round(sentMs), round(nowMs()), outcome, body.slice(0, 100), detail]);
      inFlight.delete(entry);
    });
    inFlight.add(entry);
  };
  const tick = (): void => {
    if (stopping) return;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const grid of grids) {
      // A late timer sends every request that is due, so the schedule does not slip.
      while (grid.dueMs <= nowMs()) launch(grid);
      nextMs = Math.min(nextMs, grid.dueMs);
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
  controlServer.close();
  process.exit(0);
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}

function print(line: ProbeLine): Promise<void> {
  return new Promise((resolve) => process.stdout.write(`${JSON.stringify(line)}\n`, () => resolve()));
}
