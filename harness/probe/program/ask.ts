import { setTimeout as delay } from "node:timers/promises";
import type { AskAnswer, AskReply, AskSpec, AskTarget } from "#harness/model/probe-wire.ts";
import { requestFilled } from "./filled.ts";
import { type Answer, requestByTcp, requestByUdp, requestOnNewConnection } from "./request.ts";

/** Sends every request, each on its own connection, and prints one reply. */
export async function ask(spec: AskSpec): Promise<void> {
  const { everyMs } = spec;
  const reply: AskReply = {
    answers: await (everyMs === undefined ? asTheyCome(spec) : atInterval(spec, everyMs)),
  };
  await new Promise<void>((resolve) => process.stdout.write(`${JSON.stringify(reply)}\n`, () => resolve()));
}

async function asTheyCome(spec: AskSpec): Promise<AskAnswer[][]> {
  const requested = spec.asks.map((target) => ({ target, answers: [] as AskAnswer[] }));
  const queue = requested.flatMap((one) => Array.from({ length: one.target.count }, () => one));
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      next.answers.push(await timed(next.target, spec.timeoutMs));
  };
  await Promise.all(Array.from({ length: spec.concurrency }, worker));
  return requested.map(({ answers }) => answers);
}

/**
 * Open loop: a request without an answer delays no other. The answers are in the order of sending. Each target has a
 * schedule of its own: the first requests of the others may have taken 200 ms, which would shorten its time.
 */
function atInterval({ asks, timeoutMs }: AskSpec, everyMs: number): Promise<AskAnswer[][]> {
  const startMs = performance.now();
  return Promise.all(
    asks.map(async (target) => {
      const firstMs = performance.now();
      const pending: Promise<AskAnswer>[] = [];
      for (let i = 0; i < target.count; i++) {
        const waitMs = firstMs + i * everyMs - performance.now();
        if (waitMs > 0) await delay(waitMs);
        const sentMs = hundredths(performance.now() - startMs);
        pending.push(timed(target, timeoutMs).then((answer) => ({ ...answer, sentMs })));
      }
      return Promise.all(pending);
    }),
  );
}

async function timed(target: AskTarget, timeoutMs: number): Promise<AskAnswer> {
  const startedMs = performance.now();
  const answer = await send(target, timeoutMs);
  return { ...answer, ms: hundredths(performance.now() - startedMs) };
}

const hundredths = (ms: number): number => Math.round(ms * 100) / 100;

function send(target: AskTarget, timeoutMs: number): Promise<Answer> {
  const { fill } = target;
  if (fill !== undefined) return requestFilled({ ...target, fill }, timeoutMs);
  if (target.protocol === "udp") return requestByUdp(target.host, target.port, target.path, timeoutMs);
  if (target.protocol === "tcp") return requestByTcp(target.host, target.port, timeoutMs);
  return requestOnNewConnection(target.host, target.port, target.path, timeoutMs);
}
