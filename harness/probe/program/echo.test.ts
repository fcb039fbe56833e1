import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { monotonicMs } from "#harness/lib/clock.ts";
import type { EchoSpec } from "#harness/model/probe-wire.ts";

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

async function serving(serveOnMs: EchoSpec["serveOnMs"]): Promise<{ child: ChildProcess; port: number }> {
  const spec: EchoSpec = { port: await freePort(), serveOnMs };
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

test("one that waits to be killed ignores SIGTERM", async () => {
  const { child, port } = await serving(null);
  child.kill("SIGTERM");
  await new Promise((r) => setTimeout(r, 300));
  expect(await answerAt(port)).toMatch(/ 1\n$/);
  expect(child.exitCode).toBeNull();
});
