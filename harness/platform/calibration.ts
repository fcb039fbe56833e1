import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { monotonicMs } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { hundredths, median } from "#harness/lib/stats.ts";
import type { Calibration } from "#harness/model/lab-state.ts";

/** Never change these three: the times of labs would no longer be comparable. */
const hashes = 100_000;
const requests = 300;
const repetitions = 9;

/**
 * The time that this machine takes for a fixed task, while the lab is up: hashing, which takes processor time only, and
 * small requests over loopback, each on a new TCP connection as the main prober's are, which take the kernel and its
 * scheduler. About three seconds in all on two cores. Not in real time: it shares the processors with the lab.
 */
export async function calibrate(times = repetitions): Promise<Calibration> {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", (data) => socket.end(data));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const runs: Calibration["runs"][number][] = [];
  try {
    for (let i = 0; i < times; i++) {
      const startedMs = monotonicMs();
      hash();
      const hashedMs = monotonicMs();
      for (let n = 0; n < requests; n++) await request(server);
      runs.push({
        cpuMs: hundredths(hashedMs - startedMs),
        requestsMs: hundredths(monotonicMs() - hashedMs),
      });
    }
  } finally {
    server.close();
  }
  return {
    medianMs: hundredths(median(runs.map((r) => r.cpuMs + r.requestsMs))),
    runs,
  };
}

function hash(): void {
  let digest: Buffer = Buffer.alloc(32);
  for (let n = 0; n < hashes; n++) digest = createHash("sha256").update(digest).digest();
}

async function request(server: Server): Promise<void> {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.setNoDelay(true).end("small request");
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  if (answer !== "small request")
    throw new MeshproofError("machine-unfit", `a request over loopback was answered "${answer}"`, {
      remedy: "check this machine's loopback interface and its firewall",
    });
}
