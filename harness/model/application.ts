/**
 * How the echo backends end when Kubernetes deletes their pod.
 * - `exits`: at once, on SIGTERM.
 * - `drains`: a preStop hook keeps the pod serving; then, on SIGTERM, it becomes unready and serves a while longer.
 * - `killed`: it ignores SIGTERM and serves on until kubelet kills it at the end of the grace period (SIGKILL).
 */
export const applications = ["exits", "drains", "killed"] as const;
export type Application = (typeof applications)[number];
