import { createSocket } from "node:dgram";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { idleConnectionMs, ReusedConnection, requestByDns, requestByName, requestByUdp } from "./request.ts";

test("an address to which the kernel refuses to connect is an outcome, not the end of the program", async () => {
  // As Cilium does for a service without a backend; here the kernel, for a broadcast address.
  const answer = await requestByUdp("255.255.255.255", 9, "hostname", 1000);
  expect(answer).toMatchObject({ body: "", detail: expect.stringContaining("EACCES") });
  expect(answer.outcome).not.toBe("ok");
});

/** A DNS server that answers every question with one address, after a time. */
async function nameServer(address: readonly number[], afterMs = 0): Promise<string> {
  const server = createSocket("udp4");
  const timers: NodeJS.Timeout[] = [];
  server.on("message", (question, from) => {
    const answer = Buffer.concat([
      question.subarray(0, 2),
      // A response with one question and one answer; the answer's name is that of the question.
      Buffer.from([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]),
      endOfQuestion(question),
      Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, ...address]),
    ]);
    timers.push(setTimeout(() => server.send(answer, from.port, from.address), afterMs));
  });
  await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const timer of timers) clearTimeout(timer);
    server.close();
  });
  return `127.0.0.1:${server.address().port}`;
}

/** Without what may follow the question. */
const endOfQuestion = (message: Buffer): Buffer => message.subarray(12, message.indexOf(0, 12) + 5);

test("a name is asked of another DNS server than the machine's own", async () => {
  const server = await nameServer([10, 102, 0, 2]);
  expect(await requestByDns("standing-remote.mp-standing.svc.cluster.local", 5000, server)).toEqual({
    ...{ outcome: "ok", body: "10.102.0.2", detail: "" },
  });
});

test("a request to a name that does not resolve says so, within its time", async () => {
  const answer = await requestByName("nothing.invalid", 80, "/", 500);
  expect(answer.outcome).not.toBe("ok");
  expect(answer.detail).toContain("name not resolved");
});

test("a look-up that is answered after its time is lost, also as a part of a request", async () => {
  const server = await nameServer([127, 0, 0, 1], 340);
  expect(await requestByDns("late.test", 200, server)).toEqual({
    ...{ outcome: "timeout", body: "", detail: "no answer in 200 ms" },
  });
  expect(await requestByName({ name: "late.test", server }, 9, "/", 200)).toEqual({
    ...{ outcome: "timeout", body: "", detail: "name not resolved: no answer in 200 ms" },
  });
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

test("a request by name that an address leaves unanswered says how long the name took", async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket.on("error", () => {})));
  const port = await listening(silent);
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const server = await nameServer([127, 0, 0, 1], 100);
  const { outcome, detail } = await requestByName({ name: "silent.test", server }, port, "/", 1000);
  expect(outcome).toBe("timeout");
  const [, leftMs, lookupMs] =
    /^127\.0\.0\.1: no answer in (\d+) ms; name resolved after (\d+) ms$/.exec(detail) ?? [];
  expect(Number(lookupMs)).toBeGreaterThanOrEqual(90);
  expect(Number(leftMs) + Number(lookupMs)).toBe(1000);
});

test("a keep-alive connection outlives every interval of requests", async () => {
  const server = createHttpServer({ keepAliveTimeout: 2 * idleConnectionMs }, (_, response) =>
    response.end("pod"),
  );
  let connections = 0;
  server.on("connection", () => {
    connections += 1;
  });
  const port = await listening(server);
  onTestFinished(() => {
    vi.useRealTimers();
    server.closeAllConnections();
    server.close();
  });
  // Those of the client: the server's are Node's own.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  await using client = new ReusedConnection("127.0.0.1", port, "/", 10_000);
  for (let i = 0; i < 3; i++) {
    expect(await client.request()).toEqual({ outcome: "ok", body: "pod", detail: "" });
    // Only then does the client wait for the next request.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    vi.advanceTimersByTime(idleConnectionMs / 2);
  }
  expect(connections).toBe(1);
});
