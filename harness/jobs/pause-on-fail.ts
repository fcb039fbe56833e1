import { createInterface } from "node:readline/promises";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { watchPauses } from "#harness/testkit/pause.ts";

/** Throws `usage` if standard input is not a terminal. */
export function requireTerminal(): void {
  if (process.stdin.isTTY !== true)
    throw new MeshproofError(
      "usage",
      "--pause-on-fail waits for Enter, but standard input is not a terminal",
      {
        remedy: "run it in a terminal, or omit the option",
      },
    );
}

/** Aborted if the work fails. The error itself is thrown where the work is awaited, and is not lost before. */
export function signalOfFailure(work: Promise<unknown>): AbortSignal {
  const failed = new AbortController();
  work.catch((error: unknown) => failed.abort(error));
  return failed.signal;
}

/** Pauses after each failed suite until Enter, and prints kubectl lines for its namespace; runs until the signal. */
export function pauseOnFail(
  mesh: Mesh,
  runDir: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const hold = async (namespace: string): Promise<void> => {
    say(`  PAUSED      namespace ${namespace} and the lab are kept for now:`);
    for (const { kubeconfig, context } of mesh.clusters) {
      const words = ["kubectl", "--kubeconfig", kubeconfig, "--context", context, "-n", namespace];
      say(`              ${shellQuote(words)} get all`);
    }
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    // A terminal in raw mode sends no signal itself.
    terminal.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    try {
      await terminal.question("              Enter continues: ", { signal });
    } catch (error) {
      // Ctrl-C ends the command by its signal; Ctrl-D continues as Enter does.
      if (!(error instanceof Error && error.name === "AbortError")) throw error;
    } finally {
      terminal.close();
    }
  };
  return watchPauses(runDir, hold, signal);
}
