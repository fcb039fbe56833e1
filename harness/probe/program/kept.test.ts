import { createSocket } from "node:dgram";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { TcpHeartbeat, UdpFlow } from "./kept.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Answers like an echo server until it is silenced. */
async function tcpEcho(): Promise<{ port: number; sockets: Socket[]; silent: (yes: boolean) => void }> {
  const sockets: Socket[] = [];
  let quiet = false;
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", (data) => {
      for (const line of data.toString().split("\n"))
        if (line !== "" && !quiet) socket.write(`pod ${line}\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    for (const s of sockets) s.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    silent: (yes) => {
      quiet = yes;
    },
  };
}

test("heartbeats use one connection; a closed one is replaced and counted", async () => {
  const { port, sockets } = await tcpEcho();
  await using client = new TcpHeartbeat("127.0.0.1", port, 10_000);
  expect(await client.request()).toEqual({ outcome: "ok", body: "pod", detail: "" });
  expect(await client.request()).toMatchObject({ outcome: "ok", detail: "" });
  expect(sockets).toHaveLength(1);
  const lost = client.request();
  sockets[0]?.resetAndDestroy();
  // The response may have been in flight already.
  expect(["reset", "ok"]).toContain((await lost).outcome);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await client.request()).toEqual({ outcome: "ok", body: "pod", detail: "connection 2" });
});

test("a silent connection is a stall: the client keeps it and continues when the server does", async () => {
  const { port, sockets, silent } = await tcpEcho();
  await using client = new TcpHeartbeat("127.0.0.1", port, 100);
  await client.request();
  silent(true);
  expect(await client.request()).toMatchObject({ outcome: "timeout" });
  silent(false);
  expect(await client.request()).toMatchObject({ outcome: "ok", detail: "" });
  expect(sockets).toHaveLength(1);
});

test("a port without a listener refuses, over TCP and over UDP", async () => {
  const { port } = await tcpEcho();
  for (const close of closing.splice(0)) close();
  await using tcp = new TcpHeartbeat("127.0.0.1", port, 10_000);
  expect(await tcp.request()).toMatchObject({ outcome: "refused" });
  await using udp = new UdpFlow("127.0.0.1", port, 10_000);
  expect(await udp.request()).toMatchObject({ outcome: "refused" });
});

test("a flow of datagrams keeps its source port, and so its backend", async () => {
  const ports = new Set<number>();
  const server = createSocket("udp4");
  server.on("message", (data, from) => {
    ports.add(from.port);
    server.send(`pod ${data}`, from.port, from.address);
  });
  await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  await using client = new UdpFlow("127.0.0.1", server.address().port, 10_000);
  for (let i = 0; i < 5; i++) expect(await client.request()).toMatchObject({ outcome: "ok", body: "pod" });
  expect(ports.size).toBe(1);
});

test("every datagram of a flow with a token begins with it", async () => {
  const server = createSocket("udp4");
  const heard: string[] = [];
  server.on("message", (data, from) => {
    heard.push(data.toString());
    server.send(`pod ${data}`, from.port, from.address);
  });
  await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  await using client = new UdpFlow("127.0.0.1", server.address().port, 10_000, "mp012345 east/denied");
  for (let i = 0; i < 2; i++) expect(await client.request()).toMatchObject({ outcome: "ok", body: "pod" });
  expect(heard).toEqual(["mp012345 east/denied 0\n", "mp012345 east/denied 1\n"]);
});
