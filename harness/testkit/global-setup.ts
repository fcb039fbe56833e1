import { randomBytes } from "node:crypto";

/** Gives a run that was started straight through vitest an id; `test` has chosen one already. */
export default function setup(): void {
  process.env.MESHPROOF_RUN_ID ??= newRunId();
}

/** Sorts by time, names one run: `20261121-110330-4fa2c1`. */
export function newRunId(): string {
  const stamp = new Date().toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  return `${stamp}-${randomBytes(3).toString("hex")}`;
}
