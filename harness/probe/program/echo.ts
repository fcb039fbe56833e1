import { createSocket, type SocketOptions } from "node:dgram";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { hostname } from "node:os";
import type { EchoSpec } from "#harness/model/probe-wire.ts";
import { idleConnectionMs } from "./request.ts";

/** Longer than clients keep an unused connection, so that this server does not end it. Node's default is 5 s. */
const keepAliveTimeout = 2 * idleConnectionMs;

/**
 * The server of heartbeats: answers each line or datagram with the pod's name before it, over IPv4 and IPv6. Ends on
 * SIGTERM, immediately unless `serveOnMs` says otherwise, and then closes every connection, as most servers do.
 */
export function echo({ port, serveOnMs, httpPorts = [] }: EchoSpec): void {
  const name = hostname();
  const server = createServer((socket) => {
    let rest = "";
    socket.setEncoding("latin1").setNoDelay(true);
    socket.on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) socket.write(`${name} ${line}\n`);
    });
    socket.on("error", () => socket.destroy());
  });
  server.listen(port);
  answerDatagrams(name, port, { type: "udp4" });
  // A machine without IPv6 refuses this one, which then says so.
  answerDatagrams(name, port, { type: "udp6", ipv6Only: true });
  for (const httpPort of httpPorts)
    createHttpServer({ keepAliveTimeout }, (_, response) => response.end(name)).listen(httpPort);
  const end = (): void => process.exit(0);
  process.on("SIGINT", end);
  process.on("SIGTERM", () => {
    if (serveOnMs === 0) end();
    else if (serveOnMs !== null) setTimeout(end, serveOnMs);
  });
}

function answerDatagrams(name: string, port: number, options: SocketOptions): void {
  const datagrams = createSocket(options);
  datagrams.on("message", (data, from) => datagrams.send(`${name} ${data}`, from.port, from.address));
  datagrams.on("error", (error) => process.stderr.write(`${error.message}\n`));
  datagrams.bind(port);
}
