/** One cell of the health matrix: from an agent to one address of a node, by one protocol. */
export interface HealthCell {
  readonly from: string;
  readonly to: string;
  readonly path: "host ICMP" | "host HTTP" | "endpoint ICMP" | "endpoint HTTP";
  readonly state: "ok" | "failed" | "unknown" | "stale";
  readonly detail: string;
  /** Milliseconds; null where nothing was measured. */
  readonly latencyMs: number | null;
}
