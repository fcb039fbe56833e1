import { createLogUpdate } from "log-update";
import { formatMs, monotonicMs } from "#harness/lib/clock.ts";
import type { Progress, StepOptions } from "#harness/lib/progress.ts";
import { type Piece, paint, stderr } from "./output.ts";

/** A live list on a terminal, plain timestamped lines elsewhere; both on standard error. */
export function terminalProgress(): Progress & Disposable {
  return process.stderr.isTTY === true && process.env.CI === undefined
    ? new LiveProgress()
    : new PlainProgress();
}

interface Running {
  readonly title: string;
  readonly startedMs: number;
  readonly expectMs: number | undefined;
  detail: string;
}

function timing(running: Running): string {
  const elapsed = formatMs(monotonicMs() - running.startedMs);
  return running.expectMs === undefined ? elapsed : `${elapsed} of about ${formatMs(running.expectMs)}`;
}

class PlainProgress implements Progress, Disposable {
  readonly #zeroMs = monotonicMs();
  readonly #running = new Set<Running>();
  /** Heartbeat for readers of a CI log: the running steps, their duration, and the expected duration. */
  readonly #heartbeat = setInterval(() => {
    for (const running of this.#running) {
      this.#line(
        `... ${running.title}: ${timing(running)}${running.detail === "" ? "" : ` (${running.detail})`}`,
      );
    }
  }, 30_000).unref();

  #line(text: string): void {
    stderr.print(`[${formatMs(monotonicMs() - this.#zeroMs).padStart(7)}] ${text}\n`);
  }

  note(text: string): void {
    this.#line(text);
  }

  async step<T>(title: string, work: Parameters<Progress["step"]>[1], options: StepOptions = {}): Promise<T> {
    const running: Running = { title, startedMs: monotonicMs(), expectMs: options.expectMs, detail: "" };
    this.#running.add(running);
    this.#line(`${title}${options.expectMs === undefined ? "" : ` (about ${formatMs(options.expectMs)})`}`);
    try {
      const result = (await work({
        detail: (text) => {
          running.detail = text;
        },
      })) as T;
      this.#line(`${title}: done in ${formatMs(monotonicMs() - running.startedMs)}`);
      return result;
    } catch (error) {
      this.#line(`${title}: FAILED after ${formatMs(monotonicMs() - running.startedMs)}`);
      throw error;
    } finally {
      this.#running.delete(running);
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#heartbeat);
  }
}

const frames = ["|", "/", "-", "\\"];

class LiveProgress implements Progress, Disposable {
  readonly #running = new Set<Running>();
  // Otherwise the library writes to the terminal directly to hide the cursor.
  readonly #update = createLogUpdate(stderr.unescaped(process.stderr), { showCursor: true });
  #frame = 0;
  readonly #timer = setInterval(() => this.#draw(), 200).unref();

  #draw(): void {
    this.#frame += 1;
    const spinner = frames[this.#frame % frames.length] ?? "";
    this.#update(
      [...this.#running]
        .map((r) =>
          stderr.render(
            paint("cyan", spinner),
            ` ${r.title} `,
            paint("dim", timing(r)),
            ...(r.detail === "" ? [] : [paint("dim", `  ${r.detail.slice(0, 60)}`)]),
          ),
        )
        .join("\n"),
    );
  }

  #persist(...line: readonly Piece[]): void {
    this.#update.clear();
    stderr.print(...line, "\n");
    this.#draw();
  }

  #ended(mark: Piece, { title, startedMs }: Running): void {
    this.#persist(mark, ` ${title} `, paint("dim", formatMs(monotonicMs() - startedMs)));
  }

  note(text: string): void {
    this.#persist(paint("blue", "i"), ` ${text}`);
  }

  async step<T>(title: string, work: Parameters<Progress["step"]>[1], options: StepOptions = {}): Promise<T> {
    const running: Running = { title, startedMs: monotonicMs(), expectMs: options.expectMs, detail: "" };
    this.#running.add(running);
    try {
      const result = (await work({
        detail: (text) => {
          running.detail = text;
        },
      })) as T;
      this.#running.delete(running);
      this.#ended(paint("green", "✓"), running);
      return result;
    } catch (error) {
      this.#running.delete(running);
      this.#ended(paint("red", "✗"), running);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#update.clear();
  }
}
