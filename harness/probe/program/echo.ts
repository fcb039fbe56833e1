import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { hostname } from "node:os";

/**
 * The server of heartbeats: answers each line or datagram with the pod's name before it. Ends immediately on SIGTERM,
 * which closes every connection, as in most servers that do not drain.
 */
export function echo(port: number): void {
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
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(0));
}
