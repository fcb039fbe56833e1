/** Every error that the harness throws on purpose. `code` is stable: people script against it. */
export type ErrorCode =
  | "usage"
  | "config-invalid"
  | "config-conflict"
  | "machine-unfit"
  | "docker-missing"
  | "docker-denied"
  | "setup-refused"
  | "port-in-use"
  | "disk-short"
  | "memory-short"
  | "artifact-unavailable"
  | "archive-corrupt"
  | "digest-changed"
  | "build-failed"
  | "command-failed"
  | "lab-missing"
  | "lab-busy"
  | "lab-broken"
  | "mesh-not-ready"
  | "kube-request"
  | "timeout"
  | "aborted"
  | "fault-no-effect"
  | "probe-failed"
  | "rig-spoiled"
  | "evidence-malformed"
  | "cleanup-failed";

/** 2 for bad input and an unfit machine, 3 where the rig rather than the mesh went wrong, 130 interrupted. */
const exitCodes: Partial<Record<ErrorCode, number>> = {
  "lab-busy": 2,
  "build-failed": 3,
  "command-failed": 3,
  "lab-broken": 3,
  "mesh-not-ready": 1,
  "kube-request": 3,
  timeout: 3,
  aborted: 130,
  "fault-no-effect": 3,
  "probe-failed": 3,
  "rig-spoiled": 3,
  "evidence-malformed": 3,
  "cleanup-failed": 3,
};

/** Codes of errors that speak of the rig, not of Cilium. */
const rigCodes: ReadonlySet<unknown> = new Set<ErrorCode>(["rig-spoiled", "probe-failed"]);

/** Whether an error's code says that the rig went wrong, so that nothing was learnt of the mesh. */
export const isRigCode = (code: unknown): boolean => rigCodes.has(code);

export class MeshproofError extends Error {
  readonly code: ErrorCode;
  /** What the reader should do next, one sentence. */
  readonly cure: string | undefined;

  constructor(code: ErrorCode, message: string, options: { cure?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "MeshproofError";
    this.code = code;
    this.cure = options.cure;
  }

  get exitCode(): number {
    return exitCodes[this.code] ?? 2;
  }
}

/** The error as a stranger should read it: message, cure, then the causes, one a line. */
export function describeError(error: unknown): string {
  const lines: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current !== undefined && depth < 6; depth++) {
    if (!(current instanceof Error)) {
      lines.push(`${depth === 0 ? "" : "  because: "}${String(current)}`);
      break;
    }
    const lead = depth === 0 ? "" : "  because: ";
    const told = lines.join("\n").includes(excerpt(current.message));
    if (current instanceof MeshproofError) {
      // A message that holds its cause's needs no second telling.
      if (!told) lines.push(`${lead}[${current.code}] ${excerpt(current.message, 30)}`);
      if (current.cure !== undefined) lines.push(`  cure: ${current.cure}`);
    } else if (!told || depth === 0) {
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
