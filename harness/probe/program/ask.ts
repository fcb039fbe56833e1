import type { AskAnswer, AskReply, AskSpec, AskTarget } from "#harness/model/probe-wire.ts";
import { type Answer, requestByTcp, requestByUdp, requestOnNewConnection } from "./request.ts";

/** Sends every request, each on its own connection, and prints one reply. */
export async function ask(spec: AskSpec): Promise<void> {
  const requested = spec.asks.map((target) => ({ target, answers: [] as AskAnswer[] }));
  const queue = requested.flatMap((one) => Array.from({ length: one.target.count }, () => one));
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const startedMs = performance.now();
      const answer = await send(next.target, spec.timeoutMs);
      next.answers.push({ ...answer, ms: Math.round((performance.now() - startedMs) * 100) / 100 });
    }
  };
  await Promise.all(Array.from({ length: spec.concurrency }, worker));
  const reply: AskReply = { answers: requested.map(({ answers }) => answers) };
  await new Promise<void>((resolve) => process.stdout.write(`${JSON.stringify(reply)}\n`, () => resolve()));
}

function send(target: AskTarget, timeoutMs: number): Promise<Answer> {
  if (target.protocol === "udp") return requestByUdp(target.host, target.port, target.path, timeoutMs);
  if (target.protocol === "tcp") return requestByTcp(target.host, target.port, timeoutMs);
  return requestOnNewConnection(target.host, target.port, target.path, timeoutMs);
}
