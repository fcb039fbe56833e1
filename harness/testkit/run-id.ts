import { randomBytes } from "node:crypto";

/** Identifies a run and sorts by time: `20261121-110330-4fa2c1`. */
export function newRunId(): string {
  const stamp = new Date().toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  return `${stamp}-${randomBytes(3).toString("hex")}`;
}
