import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { hostname } from "node:os";
import type { EchoSpec } from "#harness/model/probe-wire.ts";

/**
 * The server of heartbeats: answers each line or datagram with the pod's name before it. Ends on SIGTERM, immediately
 * unless `serveOnMs` says otherwise, and then closes every connection, as most servers do.
 */
export function echo({ port, serveOnMs }: EchoSpec): void {
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
  const datagrams = createSocket("udp4");
  datagrams.on("message", (data, from) => datagrams.send(`${name} ${data}`, from.port, from.address));
  datagrams.on("error", (error) => process.stderr.write(`${error.message}\n`));
  datagrams.bind(port);
  const end = (): void => process.exit(0);
  process.on("SIGINT", end);
  process.on("SIGTERM", () => {
    if (serveOnMs === 0) end();
    else if (serveOnMs !== null) setTimeout(end, serveOnMs);
  });
}
