import { type ErrorCode, type ErrorFacts, errorCodes } from "./error-codes.ts";

export type { ErrorCode } from "./error-codes.ts";

/** Every error that the harness throws on purpose. `code` is stable: people script against it. */
export class MeshproofError extends Error {
  readonly code: ErrorCode;
  /** What the reader should do next, one sentence. */
  readonly remedy: string | undefined;

  constructor(code: ErrorCode, message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "MeshproofError";
    this.code = code;
    this.remedy = options.remedy;
  }

  get exitCode(): number {
    return errorCodes[this.code].exitCode;
  }
}

/** The error for a reader who does not know the code: message, remedy, then the causes, one a line. */
export function describeError(error: unknown): string {
  const lines: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current !== undefined && depth < 6; depth++) {
    if (!(current instanceof Error)) {
      lines.push(`${depth === 0 ? "" : "  because: "}${String(current)}`);
      break;
    }
    const lead = depth === 0 ? "" : "  because: ";
    const reported = lines.join("\n").includes(excerpt(current.message));
    if (current instanceof MeshproofError) {
      // A message that holds its cause's needs no second telling.
      if (!reported) lines.push(`${lead}[${current.code}] ${excerpt(current.message, 30)}`);
      if (current.remedy !== undefined) lines.push(`  remedy: ${current.remedy}`);
    } else if (!reported || depth === 0) {
      lines.push(`${lead}${excerpt(current.message)}${depth > 0 ? "" : trace(current)}`);
    }
    if (current instanceof AggregateError) {
      for (const inner of current.errors)
        lines.push(`  - ${inner instanceof Error ? inner.message : String(inner)}`);
    }
    current = current.cause;
  }
  return lines.join("\n");
}

/** An error that nobody foresaw is a bug: its stack is for who looks into it. */
function trace(error: Error): string {
  return process.env.MESHPROOF_DEBUG
    ? `\n${error.stack ?? ""}`
    : `\n  this is a bug of Meshproof (${error.name}); MESHPROOF_DEBUG=1 adds where it happened`;
}

/** Messages of other programs and libraries can hold whole responses. */
function excerpt(message: string, most = 15): string {
  const lines = message.split("\n");
  return lines.length <= most
    ? message
    : [...lines.slice(0, most), `... ${lines.length - most} more lines`].join("\n");
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Errors of vitest, Node and libraries that have no code of ours and end in this name are timeouts. */
const timeoutName = /TimeoutError$/;

/** Longer than any chain of causes; errors that crossed processes may name themselves as their cause. */
const deepest = 20;

/**
 * Whether an error or anything that caused it has a code with these facts. Of several errors that together are the cause
 * (an AggregateError) every one must have: a failure is never hidden by another's excuse. Takes errors of this process
 * and what vitest makes of those of its workers.
 */
function isOrWasCausedBy(error: unknown, holds: (facts: ErrorFacts) => boolean, depth = 0): boolean {
  if (typeof error !== "object" || error === null || depth > deepest) return false;
  const { cause, errors } = error as { readonly cause?: unknown; readonly errors?: unknown };
  const facts = factsOf(error);
  if (facts !== undefined && holds(facts)) return true;
  if (Array.isArray(errors) && errors.length > 0)
    return errors.every((e) => isOrWasCausedBy(e, holds, depth + 1));
  return isOrWasCausedBy(cause, holds, depth + 1);
}

function factsOf(error: object): ErrorFacts | undefined {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
  if (isErrorCode(code)) return errorCodes[code];
  return typeof name === "string" && timeoutName.test(name) ? errorCodes.timeout : undefined;
}

const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === "string" && Object.hasOwn(errorCodes, code);

/** Whether the test machine is to blame for an error, by its code or that of a cause: nothing was learnt of the mesh. */
export const isTestMachineError = (error: unknown): boolean =>
  isOrWasCausedBy(error, (facts) => facts.blame === "test-machine");

/** Whether a slow test machine may have caused an error: a timeout or a request to an API server. */
export const mayComeOfSlowness = (error: unknown): boolean =>
  isOrWasCausedBy(error, (facts) => facts.slownessCausesIt === true || facts.blame === "test-machine");
