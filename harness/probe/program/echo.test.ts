import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { monotonicMs } from "#harness/lib/clock.ts";
import type { EchoSpec } from "#harness/model/probe-wire.ts";
import { idleConnectionMs, requestByUdp, requestOnNewConnection } from "./request.ts";

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** The answer to one line; undefined if there is no server. */
async function answerAt(port: number): Promise<string | undefined> {
  const socket = connect(port, "127.0.0.1");
  try {
    socket.write("1\n");
    const [data] = (await once(socket, "data")) as [Buffer];
    return data.toString();
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

async function serving(
  serveOnMs: EchoSpec["serveOnMs"],
  httpPorts: readonly number[] = [],
): Promise<{ child: ChildProcess; port: number }> {
  const spec: EchoSpec = { port: await freePort(), serveOnMs, httpPorts };
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "main.ts"), "echo", JSON.stringify(spec)],
    {
      stdio: "ignore",
    },
  );
  started.push(child);
  while ((await answerAt(spec.port)) === undefined) await new Promise((r) => setTimeout(r, 20));
  return { child, port: spec.port };
}

test.each([0, 500])("after SIGTERM it serves on for %i ms", async (serveOnMs) => {
  const { child, port } = await serving(serveOnMs);
  const toldMs = monotonicMs();
  child.kill("SIGTERM");
  if (serveOnMs > 0) expect(await answerAt(port)).toMatch(/ 1\n$/);
  await once(child, "exit");
  expect(monotonicMs() - toldMs).toBeGreaterThanOrEqual(serveOnMs * 0.9);
  expect(child.exitCode).toBe(0);
});

test("its HTTP connections stay open for longer than clients keep them", async () => {
  const httpPort = await freePort();
  await serving(0, [httpPort]);
  const answer = await fetch(`http://127.0.0.1:${httpPort}/`);
  expect(await answer.text()).toBe(hostname());
  const hintS = Number(/timeout=(\d+)/.exec(answer.headers.get("keep-alive") ?? "")?.[1]);
  expect(hintS * 1000).toBeGreaterThan(idleConnectionMs);
});

test("it answers HTTP with its name on further ports, and datagrams over IPv4 and IPv6", async () => {
  const httpPorts = [await freePort(), await freePort()];
  const { port } = await serving(0, httpPorts);
  for (const http of httpPorts)
    expect(await requestOnNewConnection("127.0.0.1", http, "/hostname", 5000)).toMatchObject({
      outcome: "ok",
      body: hostname(),
    });
  for (const host of ["127.0.0.1", ...(hasIPv6() ? ["::1"] : [])])
    expect(await requestByUdp(host, port, "mp 7", 5000)).toMatchObject({
      outcome: "ok",
      body: `${hostname()} mp 7`,
    });
});

const hasIPv6 = (): boolean =>
  Object.values(networkInterfaces()).some((addresses) => addresses?.some((a) => a.address === "::1"));

test("one that waits to be killed ignores SIGTERM", async () => {
  const { child, port } = await serving(null);
  child.kill("SIGTERM");
  await new Promise((r) => setTimeout(r, 300));
  expect(await answerAt(port)).toMatch(/ 1\n$/);
  expect(child.exitCode).toBeNull();
});
