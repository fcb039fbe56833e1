/** Whom an error speaks against where nothing else is known. */
export type Blame = "user" | "test-machine" | "mesh";

export interface ErrorFacts {
  /**
   * Of a command that ends with this error: 2 for bad input and an unfit machine, 3 where nothing was learnt of the
   * mesh, 1 where the mesh failed, 130 interrupted.
   */
  readonly exitCode: 1 | 2 | 3 | 130;
  /** In a test or a set-up: `test-machine` makes it `unknown`, all else is `fail` unless something shows machine trouble. */
  readonly blame: Blame;
  /** A slow machine causes it too: a prober that was late or lost control requests meanwhile is evidence of that. */
  readonly slownessCausesIt?: true;
}

/** The only list of error codes: their type, exit codes and blame derive from it. Codes are stable. */
const table = {
  usage: { exitCode: 2, blame: "user" },
  "config-invalid": { exitCode: 2, blame: "user" },
  "config-conflict": { exitCode: 2, blame: "user" },
  "machine-unfit": { exitCode: 2, blame: "test-machine" },
  "docker-missing": { exitCode: 2, blame: "test-machine" },
  "docker-denied": { exitCode: 2, blame: "test-machine" },
  // The machine lacks what a set-up needs: another distribution, no root.
  "setup-refused": { exitCode: 2, blame: "test-machine" },
  "port-in-use": { exitCode: 2, blame: "test-machine" },
  "disk-short": { exitCode: 2, blame: "test-machine" },
  "memory-short": { exitCode: 2, blame: "test-machine" },
  // Images and tools come over the machine's network or out of its cache.
  "artifact-unavailable": { exitCode: 2, blame: "test-machine" },
  // A file that the user named.
  "archive-corrupt": { exitCode: 2, blame: "user" },
  "digest-changed": { exitCode: 2, blame: "test-machine" },
  "build-failed": { exitCode: 3, blame: "test-machine" },
  // In a test it is helm, docker or a tool on a node, asked for something of the mesh: a host sample shows where the
  // machine failed it.
  "command-failed": { exitCode: 3, blame: "mesh" },
  "lab-missing": { exitCode: 2, blame: "user" },
  "lab-busy": { exitCode: 2, blame: "user" },
  "lab-foreign": { exitCode: 2, blame: "user" },
  // Another process took the lab, or its state folder went: what this command would find is not its own.
  "lock-lost": { exitCode: 3, blame: "test-machine" },
  // What the harness itself made and keeps: networks, containers, state files.
  "lab-broken": { exitCode: 3, blame: "test-machine" },
  "mesh-not-ready": { exitCode: 1, blame: "mesh" },
  // Outside a test these two end a command before anything was judged; in a test a mesh that answers too late fails.
  "kube-request": { exitCode: 3, blame: "mesh", slownessCausesIt: true },
  timeout: { exitCode: 3, blame: "mesh", slownessCausesIt: true },
  aborted: { exitCode: 130, blame: "user" },
  // Never excused by itself: a fault that does nothing proves nothing of the tests.
  "fault-no-effect": { exitCode: 3, blame: "mesh" },
  "probe-failed": { exitCode: 3, blame: "test-machine" },
  "rig-spoiled": { exitCode: 3, blame: "test-machine" },
  // Output of Cilium that cannot be read is a change in Cilium until somebody looked.
  "evidence-malformed": { exitCode: 3, blame: "mesh" },
  // What must be there is not: a mesh that lacks it, or a defect of the harness. A failure until somebody looked.
  "value-missing": { exitCode: 3, blame: "mesh" },
  // What will not go away hangs in the mesh as a rule; where the machine is to blame, its causes say so.
  "cleanup-failed": { exitCode: 3, blame: "mesh" },
} as const satisfies Readonly<Record<string, ErrorFacts>>;

export type ErrorCode = keyof typeof table;

export const errorCodes: Readonly<Record<ErrorCode, ErrorFacts>> = table;
