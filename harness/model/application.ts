/**
 * How the echo backends end when their pod is deleted.
 * - `exits`: at once, on SIGTERM.
 * - `drains`: a preStop hook makes the pod unready and keeps it serving for a while, then SIGTERM ends it.
 * - `killed`: it ignores SIGTERM, serves on, and kubelet kills it when the grace period is over (SIGKILL).
 */
export const applications = ["exits", "drains", "killed"] as const;
export type Application = (typeof applications)[number];
