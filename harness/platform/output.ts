import { StringDecoder } from "node:string_decoder";
import pc from "picocolors";
import { describeError } from "#harness/lib/errors.ts";
import { printable } from "#harness/lib/visible.ts";
import { redactSecrets } from "./secrets/index.ts";

const sgr = pc.createColors(true);

export interface Painted {
  readonly colour: "blue" | "cyan" | "dim" | "green" | "red" | "yellow";
  readonly text: string;
}
export type Piece = string | Painted;
export const paint = (colour: Painted["colour"], text: string): Painted => ({ colour, text });

type Stream = Pick<NodeJS.WriteStream, "write" | "isTTY">;

/**
 * The one way to a stream of the process: all text is made printable, whoever writes it, and loses the secrets that our own
 * table knows, as a report does. Tokens of services are taken out where JSON is printed: their rules are slow to load. Colours are data (`paint`) and
 * sequences here, only on a terminal, so no text can forge one.
 */
export class Output {
  readonly #stream: Stream;
  readonly #write: Stream["write"];
  readonly #coloured: boolean;
  readonly #decoder = new StringDecoder("utf8");
  /** The end of the current unfinished line, in which a workflow command could begin. */
  #line = "";

  constructor(stream: Stream, env: Readonly<Record<string, string | undefined>> = process.env) {
    this.#stream = stream;
    this.#write = stream.write.bind(stream);
    this.#coloured = stream.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb";
  }

  print(...pieces: readonly Piece[]): void {
    this.#write(this.#next(pieces));
  }

  /** Renders complete lines for a writer that moves the cursor itself, through `unescaped`. */
  render(...pieces: readonly Piece[]): string {
    return this.#safe(pieces, "").text;
  }

  /** The original stream, for writing cursor movements around rendered text. */
  unescaped<T extends Stream>(stream: T): T {
    return Object.create(stream, { write: { value: this.#write } });
  }

  /** Redirects every write to the stream through this object: libraries, `console`, output of workers. */
  takeOver(): void {
    const write = (
      chunk: string | Uint8Array,
      encoding?: BufferEncoding | ((error?: Error | null) => void),
      callback?: (error?: Error | null) => void,
    ): boolean => {
      const text = typeof chunk === "string" ? chunk : this.#decoder.write(chunk);
      return this.#write(this.#next([text]), typeof encoding === "function" ? encoding : callback);
    };
    this.#stream.write = write;
  }

  #next(pieces: readonly Piece[]): string {
    const { text, line } = this.#safe(pieces, this.#line);
    this.#line = line;
    return text;
  }

  #safe(pieces: readonly Piece[], before: string): { readonly text: string; readonly line: string } {
    let line = before;
    let text = "";
    for (const piece of pieces) {
      const shown = printable(redactSecrets(typeof piece === "string" ? piece : piece.text), line);
      text += typeof piece === "string" || !this.#coloured ? shown : sgr[piece.colour](shown);
      line = tail(line + shown);
    }
    return { text, line };
  }
}

/** Enough of the last line to recognise a workflow command in the following text, for lines of any length. */
function tail(text: string): string {
  const line = text.slice(text.lastIndexOf("\n") + 1).trimStart();
  return line.length > 64 ? `x${line.slice(-32)}` : line;
}

export const stdout = new Output(process.stdout);
export const stderr = new Output(process.stderr);

/** Resolves once all output so far is out of the process: into a pipe Node writes later, and an exit would cut it off. */
async function drained(): Promise<void> {
  const written = [process.stdout, process.stderr].map(
    // Of a reader that is gone there is an error, which is no matter.
    (stream) => new Promise<void>((resolve) => stream.write("", () => resolve())),
  );
  await Promise.all(written);
}

/** Ends the process. Open sockets do not keep it alive: all relevant work has been awaited. */
export async function exit(code?: number): Promise<never> {
  await drained();
  // `process.exit(undefined)` would take back what a command set.
  if (code !== undefined) process.exitCode = code;
  process.exit();
}

/** Every program must call this first, so that all its output to the terminal or CI log goes through `Output`. */
export function guardOutput(): void {
  stdout.takeOver();
  stderr.takeOver();
  // Node writes both of these directly, not through the stream.
  if (process.listenerCount("warning") > 0) {
    process.removeAllListeners("warning");
    process.on("warning", (warning) => stderr.print(`${warning.name}: ${warning.message}\n`));
  }
  process.on("uncaughtException", (error) => {
    // Another listener cleans up and ends the process itself.
    if (process.listenerCount("uncaughtException") > 1) return;
    stderr.print(`${describeError(error)}\n`);
    process.exit(3);
  });
}
