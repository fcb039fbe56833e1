import { setTimeout as delay } from "node:timers/promises";
import { formatMs, monotonicMs } from "./clock.ts";
import { MeshproofError, messageOf } from "./errors.ts";

export interface EventuallyOptions {
  /** What is waited for, as the object of "waited for". */
  readonly what: string;
  readonly withinMs: number;
  readonly everyMs?: number;
  readonly signal: AbortSignal;
}

/**
 * Deadline of the harness's own preparations, which no verdict depends on: far beyond what a slow machine needs, because
 * a wait ends as soon as its condition holds.
 */
export const preparedWithinMs = 120_000;

/** Result of one look: done with a value, or not yet with the observed state. */
export type Look<T> =
  | { readonly done: true; readonly value: T }
  | { readonly done: false; readonly seen: string };

export const ready = <T>(value: T): Look<T> => ({ done: true, value });
export const notYet = (seen: string): Look<never> => ({ done: false, seen });

/** A wait as its errors describe it. */
export interface Waited {
  readonly what: string;
  readonly withinMs: number;
  readonly spentMs: number;
  readonly looks: number;
  /** The last observed state that was not the expected one. */
  readonly seen: string;
}

/** For a success that was seen only after the deadline: that is late, not a pass. */
export const lateError = ({ what, withinMs, spentMs, looks, seen }: Waited): MeshproofError =>
  new MeshproofError(
    "late",
    `${what}: seen only after ${formatMs(spentMs)}, ${formatMs(withinMs)} were allowed (${looks} looks); last seen before: ${seen}`,
  );

/** For a success in a look that spans the deadline: it may have held in time, and only the machine was slow to look. */
const undecidedError = ({ beganMs, ...waited }: Waited & { readonly beganMs: number }): MeshproofError =>
  new MeshproofError(
    "undecided",
    `${waited.what}: seen by a look that began after ${formatMs(beganMs)} and ended after ${formatMs(waited.spentMs)}; ${formatMs(waited.withinMs)} were allowed, so it is not known whether it held in time (${waited.looks} looks); last seen before: ${waited.seen}`,
  );

/**
 * Calls `look` until it is done. On timeout the error contains the last observed state, the number of looks and the
 * time spent. A look that throws counts as "not yet", with its error as the observed state. A look that begins and
 * ends after the deadline and is done throws `late`; one that began before it, `undecided`.
 */
export async function eventually<T>(
  look: (signal: AbortSignal) => Promise<Look<T>>,
  options: EventuallyOptions,
): Promise<T> {
  const startedMs = monotonicMs();
  let looks = 0;
  let seen = "nothing yet";
  let cause: unknown;
  for (;;) {
    throwIfAborted(options.signal, options.what);
    looks += 1;
    const beganMs = monotonicMs() - startedMs;
    let result: Look<T>;
    try {
      result = await look(options.signal);
      cause = undefined;
    } catch (error) {
      result = notYet(messageOf(error));
      cause = error;
    }
    const spentMs = monotonicMs() - startedMs;
    const isOver = spentMs >= options.withinMs;
    if (result.done && isOver) {
      const waited = { ...options, spentMs, looks, seen };
      throw beganMs < options.withinMs ? undecidedError({ ...waited, beganMs }) : lateError(waited);
    }
    if (result.done) return result.value;
    seen = result.seen;
    if (isOver) {
      throw new MeshproofError(
        "timeout",
        `waited ${formatMs(spentMs)} for ${options.what} (${looks} looks); last seen: ${seen}`,
        { cause },
      );
    }
    await pause(Math.min(options.everyMs ?? 250, options.withinMs - spentMs + 1), options.signal);
  }
}

/** A pause that ends at once, with a typed error, when the signal fires. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch {
    throw abortedError(signal, "interrupted while waiting");
  }
}

export function throwIfAborted(signal: AbortSignal, doing: string): void {
  if (signal.aborted) throw abortedError(signal, `interrupted: ${doing}`);
}

/** The signal's reason if it is a typed error, such as a lost lock; otherwise an `aborted` error. */
export function abortedError(signal: AbortSignal | undefined, message: string): MeshproofError {
  const reason: unknown = signal?.reason;
  return reason instanceof MeshproofError
    ? reason
    : new MeshproofError("aborted", message, { cause: reason });
}
