import { PassThrough, Readable } from "node:stream";
import type { KubeConfig } from "@kubernetes/client-node";
import { MeshproofError } from "#harness/lib/errors.ts";
import { clientNode } from "./client-node.ts";

export interface InPod {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
  readonly path: string;
}

/**
 * GETs JSON from a port of a pod through the API server's port-forward, which connects inside the pod's network namespace
 * and so is not subject to policy. Sends one HTTP/1.0 request, which ends with its body because the socket stays open.
 */
export async function getJsonInPod(
  config: KubeConfig,
  { namespace, pod, port, path }: InPod,
  signal: AbortSignal,
): Promise<unknown> {
  const output = new PassThrough();
  const errors = new PassThrough();
  const input = new Readable({ read() {} });
  let text = "";
  let trouble = "";
  errors.setEncoding("utf8").on("data", (more: string) => {
    trouble += more;
  });
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  promise.catch(() => {});
  const giveUp = (): void =>
    reject(
      new MeshproofError(
        "kube-request",
        `GET ${path} at port ${port} of ${namespace}/${pod} gave an incomplete answer: ${(trouble || text || "no data").slice(0, 200)}`,
      ),
    );
  output.setEncoding("utf8").on("data", (more: string) => {
    text += more;
    const body = /\r\n\r\n([\s\S]*)$/.exec(text)?.[1];
    if (body === undefined) return;
    try {
      resolve(JSON.parse(body));
    } catch {
      // The answer is not complete yet.
    }
  });
  signal.addEventListener("abort", giveUp, { once: true });
  const opening = new (clientNode().PortForward)(config, false).portForward(
    namespace,
    pod,
    [port],
    output,
    errors,
    input,
  );
  opening.then((opened) => {
    const socket = typeof opened === "function" ? opened() : opened;
    if (socket === null) return giveUp();
    socket.onclose = giveUp;
    promise.catch(() => {}).finally(() => socket.close());
    input.push(`GET ${path} HTTP/1.0\r\nHost: ${pod}\r\n\r\n`);
  }, reject);
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}
