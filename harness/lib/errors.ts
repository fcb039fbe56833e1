import { type ErrorCode, type ErrorFacts, errorCodes } from "./error-codes.ts";

export type { ErrorCode } from "./error-codes.ts";

/** Every error that the harness throws on purpose. `code` is stable, because scripts depend on it. */
export class MeshproofError extends Error {
  readonly code: ErrorCode;
  /** What the reader should do next, in one sentence. */
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

/** The error for a reader who does not know the code: message, remedy, then one cause per line. */
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
      // Do not repeat a cause whose message is already part of the outer message.
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

/** An unexpected error is a bug; its stack is for debugging. */
function trace(error: Error): string {
  return process.env.MESHPROOF_DEBUG
    ? `\n${error.stack ?? ""}`
    : `\n  this is a bug in Meshproof (${error.name}); set MESHPROOF_DEBUG=1 to print the stack`;
}

/** Messages of other programs and libraries can contain complete responses. */
function excerpt(message: string, most = 15): string {
  const lines = message.split("\n");
  return lines.length <= most
    ? message
    : [...lines.slice(0, most), `... ${lines.length - most} more lines`].join("\n");
}

/** Whether a wait ended without success in time: nothing happened, or it happened too late. */
export const missedDeadline = (error: unknown): error is MeshproofError =>
  error instanceof MeshproofError && (error.code === "timeout" || error.code === "late");

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Errors of vitest, Node and libraries without an error code of Meshproof whose name ends like this are timeouts. */
const timeoutName = /TimeoutError$/;

/** More than any real chain of causes has; an error of another process can have itself as its cause. */
const deepest = 20;

/**
 * Whether the code of an error or of one of its causes has these facts. For an AggregateError, all its errors must have
 * them, so that an excused error does not hide a failure. Accepts errors of this process and serialized errors of
 * vitest's workers.
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

/** Whether the code of an error or of one of its causes blames the test machine, so the mesh was not judged. */
export const isTestMachineError = (error: unknown): boolean =>
  isOrWasCausedBy(error, (facts) => facts.blame === "test-machine");

/** Whether the user must change something: nothing was wrong with the mesh or the test machine. */
export const isUserError = (error: unknown): boolean =>
  isOrWasCausedBy(error, (facts) => facts.blame === "user");

/** Whether a slow test machine may have caused an error: a timeout or a request to an API server. */
export const mayComeOfSlowness = (error: unknown): boolean =>
  isOrWasCausedBy(error, (facts) => facts.slownessCausesIt === true || facts.blame === "test-machine");
