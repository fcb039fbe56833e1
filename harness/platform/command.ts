import { basename } from "node:path";
import { ExecaError, execa, type Options } from "execa";
import { MeshproofError } from "#harness/lib/errors.ts";
import { abortedError } from "#harness/lib/eventually.ts";
import { keepOutput } from "./command-log.ts";
import { linesThatMatter, remedyOf } from "./lines-that-matter.ts";

export interface CommandOptions {
  readonly signal?: AbortSignal;
  readonly cwd?: string;
  readonly env?: Record<string, string | undefined>;
  readonly input?: string;
  /** A file for standard input, of any size. */
  readonly inputFile?: string;
  readonly timeoutMs?: number;
  /** Also receives standard output and error, line by line. */
  readonly onLine?: (line: string) => void;
  /** Returns a non-zero exit code instead of throwing. */
  readonly tolerate?: boolean;
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program of the host and waits for its end. Throws `command-failed` or `timeout` with the relevant lines of its
 * output; if there are more, the error names a file with the complete output.
 */
export async function command(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const child = execa(program, [...args], {
    reject: true,
    stripFinalNewline: true,
    forceKillAfterDelay: 5000,
    maxBuffer: 64 * 1024 * 1024,
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env as Record<string, string> }),
    ...inputOf(options),
    ...(options.timeoutMs === undefined ? {} : { timeout: Math.ceil(options.timeoutMs) }),
    // In its own process group: Ctrl-C reaches only the harness, which then ends its children and their descendants.
    killDescendants: true,
    all: true,
  } satisfies Options);
  const onLine = options.onLine;
  if (onLine !== undefined) {
    void (async () => {
      try {
        for await (const line of child.iterable({ from: "all" })) onLine(String(line));
      } catch {
        // The await below reports the failure.
      }
    })();
  }
  try {
    const result = await child;
    return { exitCode: 0, stdout: String(result.stdout ?? ""), stderr: String(result.stderr ?? "") };
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    const stdout = String(error.stdout ?? "");
    const stderr = String(error.stderr ?? "");
    if (error.isCanceled) throw abortedError(options.signal, `interrupted: ${program} ${args[0] ?? ""}`);
    if (options.tolerate === true && error.exitCode !== undefined) {
      return { exitCode: error.exitCode, stdout, stderr };
    }
    const how = error.timedOut ? "timed out" : endOf(error);
    throw await failure(
      error.timedOut ? "timeout" : "command-failed",
      program,
      `${program} ${args.slice(0, 6).join(" ")} ${how}`,
      `${stderr}\n${stdout}`.trim(),
    );
  }
}

const endOf = ({ exitCode, signal, code }: ExecaError): string => {
  if (exitCode !== undefined) return `exited with code ${exitCode}`;
  return signal === undefined ? `failed with ${code}` : `was killed by ${signal}`;
};

/** Outputs of failed programs, for callers that can interpret them; not in the error, which is serialized and printed. */
const outputs = new WeakMap<object, string>();

/** The complete output of the program of a failed command; empty for any other error. */
export const outputOf = (error: unknown): string =>
  (error instanceof Error ? outputs.get(error) : undefined) ?? "";

async function failure(
  code: "timeout" | "command-failed",
  program: string,
  how: string,
  output: string,
): Promise<MeshproofError> {
  const tool = basename(program);
  const lines = linesThatMatter(output, tool);
  const isComplete = lines.length >= output.split("\n").length;
  const log = isComplete ? undefined : await keepOutput(tool, output);
  const remedy = remedyOf(output) ?? (log === undefined ? undefined : `read its complete output: ${log}`);
  const error = new MeshproofError(
    code,
    `${how}: ${lines.join("\n")}${log === undefined ? "" : `\n(complete output: ${log})`}`,
    remedy === undefined ? {} : { remedy },
  );
  outputs.set(error, output);
  return error;
}

function inputOf({ input, inputFile }: CommandOptions) {
  if (input !== undefined) return { input };
  return inputFile === undefined ? { stdin: "ignore" as const } : { inputFile };
}

/** Standard output of a program that must succeed. */
export async function output(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  return (await command(program, args, options)).stdout;
}

export async function exists(program: string): Promise<boolean> {
  const found = await command("/bin/sh", ["-c", `command -v "$1"`, "sh", program], { tolerate: true });
  return found.exitCode === 0;
}

/** A long-lived child with a piped standard input and line output: probers and captures. */
export function spawnLines(
  program: string,
  args: readonly string[],
  onLine: (line: string) => void,
): {
  write(line: string): void;
  end(): void;
  kill(): void;
  readonly done: Promise<{ exitCode: number; stderr: string }>;
} {
  const child = execa(program, [...args], {
    reject: false,
    stdin: "pipe",
    buffer: { stdout: false, stderr: true },
    killDescendants: true,
  });
  const reading = (async () => {
    for await (const line of child.iterable()) onLine(String(line));
  })();
  return {
    write: (line) => void child.stdin.write(`${line}\n`),
    end: () => child.stdin.end(),
    kill: () => void child.kill("SIGKILL"),
    done: (async () => {
      const result = await child;
      await reading.catch(() => {});
      return { exitCode: result.exitCode ?? -1, stderr: String(result.stderr ?? "") };
    })(),
  };
}
