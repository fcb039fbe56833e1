import { PassThrough, Readable } from "node:stream";
import type { V1Status } from "@kubernetes/client-node";
import { AbortError } from "p-retry";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { ApiClient } from "./api-client.ts";
import { clientNode } from "./client-node.ts";

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program in a pod with an open standard input and line output. */
export interface PodProcess {
  write(line: string): void;
  end(): void;
  kill(): void;
  readonly done: Promise<{ exitCode: number; stderr: string }>;
}

/** A program to run in a container. */
export interface PodProgram {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly argv: readonly string[];
}

/** Runs a program in a pod and returns its output; a non-zero exit code is returned, not thrown. */
export async function execInPod(
  client: ApiClient,
  program: PodProgram,
  options: { signal?: AbortSignal; timeoutMs?: number } = {},
): Promise<ExecResult> {
  let stdout = "";
  const timeoutMs = options.timeoutMs ?? 60_000;
  const what = `${program.argv.slice(0, 4).join(" ")} in pod ${program.namespace}/${program.pod} of ${client.cluster}`;
  let process: PodProcess | undefined;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  let onAbort = (): void => {};
  // The timeout includes connecting: the kubelet of a frozen node accepts the connection and never answers.
  const cut = new Promise<never>((_, reject) => {
    const end = (error: MeshproofError): void => {
      ended = true;
      process?.kill();
      reject(error);
    };
    timer = setTimeout(
      () => end(new MeshproofError("timeout", `${what} did not end within ${timeoutMs / 1000}s`)),
      timeoutMs,
    );
    onAbort = () => end(new MeshproofError("aborted", `interrupted: ${what}`));
    if (options.signal?.aborted === true) onAbort();
    options.signal?.addEventListener("abort", onAbort);
  });
  const onText = (text: string): void => {
    stdout += text;
  };
  const work = (async () => {
    process = await startProgram(client, program, { onText, withInput: false });
    if (ended) process.kill();
    return process.done;
  })();
  work.catch(() => {});
  try {
    const end = await Promise.race([work, cut]);
    return { exitCode: end.exitCode, stdout, stderr: end.stderr };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }
}

/** Starts a program in a pod. */
export function startInPod(
  client: ApiClient,
  program: PodProgram,
  onLine: (line: string) => void,
): Promise<PodProcess> {
  let rest = "";
  const onText = (text: string): void => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  };
  return startProgram(client, program, { onText, withInput: true });
}

async function startProgram(
  client: ApiClient,
  { namespace, pod, container, argv }: PodProgram,
  { onText, withInput }: { onText: (text: string) => void; withInput: boolean },
): Promise<PodProcess> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const stdin = withInput ? new Readable({ read() {} }) : null;
  stdout.setEncoding("utf8").on("data", onText);
  let errorText = "";
  stderr.setEncoding("utf8").on("data", (text: string) => {
    if (errorText.length < 64_000) errorText += text;
  });
  let settle: (end: { exitCode: number; stderr: string }) => void = () => {};
  const done = new Promise<{ exitCode: number; stderr: string }>((resolve) => {
    settle = resolve;
  });
  let exitCode: number | undefined;
  const onStatus = (status: V1Status): void => {
    exitCode = processExitCode(status);
    if (status.status !== "Success" && exitCode === -1) errorText += status.message ?? "";
  };
  const socket = await client.retrying(`exec ${argv[0]} in ${namespace}/${pod}`, () =>
    new (clientNode().Exec)(client.config)
      .exec(namespace, pod, container, [...argv], stdout, stderr, stdin, false, onStatus)
      .catch((error: unknown) => {
        // Not tried again: a kubelet that is gone makes each attempt wait.
        throw new AbortError(asError(error));
      }),
  );
  // Output arrives before the status, and the status before the close, so at the close everything has arrived.
  socket.onclose = () => setImmediate(() => settle({ exitCode: exitCode ?? -1, stderr: errorText }));
  socket.onerror = (event: { message?: string }) => {
    errorText += event.message ?? "connection error";
  };
  return {
    write: (line) => void stdin?.push(`${line}\n`),
    end: () => void stdin?.push(null),
    kill: () => socket.terminate(),
    done,
  };
}

/** A WebSocket that cannot be opened rejects with an event, which is no error. */
export function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  const { error, message } = (thrown ?? {}) as { readonly error?: unknown; readonly message?: unknown };
  return error instanceof Error ? error : new Error(String(message ?? "the connection could not be opened"));
}

function processExitCode(status: V1Status): number {
  if (status.status === "Success") return 0;
  const cause = status.details?.causes?.find((c) => c.reason === "ExitCode");
  return cause?.message === undefined ? -1 : Number(cause.message);
}
