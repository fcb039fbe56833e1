import { createServer } from "node:https";
import type { HoldSpec } from "#harness/model/probe-wire.ts";

/**
 * An admission webhook that allows everything after a delay. Prints one JSON line per request with the delay that it
 * really added, so that an injected delay is known from the webhook's own record.
 */
export function hold(spec: HoldSpec): void {
  createServer({ cert: spec.cert, key: spec.key }, (request, response) => {
    const arrivedMs = performance.now();
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    request.on("end", () => {
      setTimeout(() => {
        const review = JSON.parse(text) as { request: { uid: string; name: string } };
        response.setHeader("content-type", "application/json").end(
          JSON.stringify({
            apiVersion: "admission.k8s.io/v1",
            kind: "AdmissionReview",
            response: { uid: review.request.uid, allowed: true },
          }),
        );
        const heldMs = Math.round((performance.now() - arrivedMs) * 100) / 100;
        const untilUnixMs = performance.timeOrigin + performance.now();
        process.stdout.write(`${JSON.stringify({ name: review.request.name, heldMs, untilUnixMs })}\n`);
      }, spec.delayMs);
    });
  }).listen(spec.port, () => process.stdout.write(`${JSON.stringify({ listening: spec.port })}\n`));
}
