import type { AskTarget } from "#harness/model/probe-wire.ts";
import { type Answer, exchange, requestByUdp, requestText } from "./request.ts";

type Filled = AskTarget & Required<Pick<AskTarget, "fill">>;

const letter = "x";

/** A request of a given size, whose answer proves that all of it arrived. */
export async function requestFilled(target: Filled, timeoutMs: number): Promise<Answer> {
  const { protocol, host, port, path, fill } = target;
  const rest = protocol === "http" ? requestText(host, port, path).length : path.length;
  const filling = letter.repeat(Math.max(1, fill.bytes - rest));
  const answer = await (protocol === "http"
    ? exchange(
        // Chunks of the answer have a line each.
        {
          ...{ host, port, text: requestText(host, port, `${path}${filling}`) },
          mostBody: 2 * filling.length + 4000,
        },
        timeoutMs,
      )
    : requestByUdp(host, port, `${path}${filling}`, timeoutMs));
  if (answer.outcome !== "ok") return answer;
  // Go sends a long body in chunks, between lines of hexadecimal digits.
  const returned = answer.body.replaceAll(/[^x]/g, "").length;
  return !fill.echoed || returned === filling.length
    ? { ...answer, body: "filled" }
    : {
        ...{ outcome: "bad-answer", body: "" },
        detail: `the answer has ${returned} of ${filling.length} bytes`,
      };
}
