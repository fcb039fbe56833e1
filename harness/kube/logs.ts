import { PassThrough } from "node:stream";
import type { KubeConfig } from "@kubernetes/client-node";
import { clientNode } from "./client-node.ts";

export interface LogOptions {
  readonly limitBytes: number;
  readonly previous?: boolean;
  readonly sinceSeconds?: number;
}

/** The end of a container's log, at most `limitBytes`. */
export async function containerLog(
  config: KubeConfig,
  { namespace, pod, container }: { namespace: string; pod: string; container: string },
  options: LogOptions,
): Promise<string> {
  const sink = new PassThrough();
  let text = "";
  sink.setEncoding("utf8").on("data", (chunk: string) => {
    text = (text + chunk).slice(-options.limitBytes);
  });
  const ended = new Promise<void>((resolve) =>
    sink
      .once("end", resolve)
      .once("close", resolve)
      .once("error", () => resolve()),
  );
  await new (clientNode().Log)(config).log(namespace, pod, container, sink, {
    follow: false,
    tailLines: 5000,
    timestamps: true,
    ...(options.previous === undefined ? {} : { previous: options.previous }),
    ...(options.sinceSeconds === undefined ? {} : { sinceSeconds: options.sinceSeconds }),
  });
  await ended;
  return text;
}
