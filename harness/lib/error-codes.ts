/** What an error is blamed on if there is no other evidence. */
export type Blame = "user" | "test-machine" | "mesh";

export interface ErrorFacts {
  /**
   * Exit code of a command that ends with this error: 2 for bad input or an unfit machine, 3 if the mesh was not
   * judged, 1 if the mesh failed, 130 if interrupted.
   */
  readonly exitCode: 1 | 2 | 3 | 130;
  /** In a test or set-up: `test-machine` makes it `unknown`; others are `fail` unless evidence points to the machine. */
  readonly blame: Blame;
  /** A slow machine can cause it too; a prober that was late or lost control requests is evidence of that. */
  readonly slownessCausesIt?: true;
  /** One sentence for the reference. */
  readonly meaning: string;
  /** General remedy for the reference. The remedy of a single error is more specific. */
  readonly remedy: string;
}

/** The only list of error codes; their type, exit codes and blame are derived from it. Codes are stable. */
const table = {
  usage: {
    exitCode: 2,
    blame: "user",
    meaning: "A command, an option or an argument is wrong, or does not fit the lab.",
    remedy: "Correct the command; run it with `--help` for usage.",
  },
  "config-invalid": {
    exitCode: 2,
    blame: "user",
    meaning:
      "A file that the user named, such as a lab file, is malformed or has a wrong value. The message names the place.",
    remedy: "Correct the file at that place.",
  },
  "config-conflict": {
    exitCode: 2,
    blame: "user",
    meaning:
      "Two settings contradict each other, such as overlapping pod CIDRs or one cluster id used twice.",
    remedy: "Change one of the settings that the message names.",
  },
  "machine-unfit": {
    exitCode: 2,
    blame: "test-machine",
    meaning: "The machine lacks something that a lab needs, such as memory, a kernel feature or a program.",
    remedy: "Run `doctor`; it names each remedy.",
  },
  "docker-missing": {
    exitCode: 2,
    blame: "test-machine",
    meaning: "No Docker daemon answers.",
    remedy: "Start Docker, or run `doctor --fix`.",
  },
  "docker-denied": {
    exitCode: 2,
    blame: "test-machine",
    meaning: "The Docker daemon answers, but this user may not use it.",
    remedy: "Add the user to the group `docker`, or run as root.",
  },
  // The machine cannot be set up: another distribution, or no root.
  "setup-refused": {
    exitCode: 2,
    blame: "test-machine",
    meaning: "`--setup` or `doctor --fix` cannot set this machine up: it needs root on Debian.",
    remedy: "Install what `doctor` lists by hand.",
  },
  "port-in-use": {
    exitCode: 2,
    blame: "test-machine",
    meaning: "A port that the lab needs is in use, or two parts of the lab need the same one.",
    remedy: "End that program, or choose another port in the kind Config.",
  },
  "disk-short": {
    exitCode: 2,
    blame: "test-machine",
    meaning: "There is too little free disk space.",
    remedy: "Free disk space; `docker system df` shows what Docker uses.",
  },
  "memory-short": {
    exitCode: 2,
    blame: "test-machine",
    meaning: "There is too little free memory.",
    remedy: "End other programs, or take other labs down.",
  },
  // Images and tools come over the machine's network or from its cache.
  "artifact-unavailable": {
    exitCode: 2,
    blame: "test-machine",
    meaning: "An image or a tool cannot be fetched or built, and is not in the cache.",
    remedy: "Check the network, or name another `--images` source.",
  },
  "archive-corrupt": {
    exitCode: 2,
    blame: "user",
    meaning: "An archive that the user named is damaged or is not what the option expects.",
    remedy: "Copy or create the archive again.",
  },
  "digest-changed": {
    exitCode: 2,
    blame: "test-machine",
    meaning: "The digest of an image or a download differs from the recorded one.",
    remedy: "Remove it from the cache and fetch it again. If it differs again, find out who changed it.",
  },
  "build-failed": {
    exitCode: 3,
    blame: "test-machine",
    meaning: "An image could not be built from source.",
    remedy: "Read the quoted output of the build.",
  },
  // In a test, helm, docker or a tool on a node acts on the mesh, so the mesh is blamed; host samples show whether the
  // machine caused it.
  "command-failed": {
    exitCode: 3,
    blame: "mesh",
    meaning: "A program that Meshproof runs, such as helm, docker or a tool in a pod, failed.",
    remedy: "Read the quoted output; the complete output is in the command log.",
  },
  "lab-missing": {
    exitCode: 2,
    blame: "user",
    meaning: "The lab that the command names is not up.",
    remedy: "Run `up`, or name a lab that `status` lists.",
  },
  "lab-busy": {
    exitCode: 2,
    blame: "user",
    meaning: "Another command is using the lab.",
    remedy: "Wait until it ends, or use another `--lab`.",
  },
  "lab-foreign": {
    exitCode: 2,
    blame: "user",
    meaning:
      "The lab, or a Docker network with its name, belongs to another owner: another user, state folder or program.",
    remedy: "Use another `--lab`; `status --all-owners` lists the labs of all owners.",
  },
  // Another process took the lab, or its state folder was removed: the lab no longer belongs to this command.
  "lock-lost": {
    exitCode: 3,
    blame: "test-machine",
    meaning: "Another process took the lab while the command ran, or its state folder disappeared.",
    remedy: "Run the command again; run `up` if the lab is gone.",
  },
  // Things that the harness created: networks, containers, state files.
  "lab-broken": {
    exitCode: 3,
    blame: "test-machine",
    meaning:
      "The lab is damaged: a container, a network or a state file that Meshproof created is missing or wrong.",
    remedy: "Run `down`, then `up`.",
  },
  "mesh-not-ready": {
    exitCode: 1,
    blame: "mesh",
    meaning: "The mesh did not become ready within its budget.",
    remedy: "Run `diagnose`, and read the last observed state in the message.",
  },
  // Outside a test these two end a command before the mesh is judged; in a test a mesh that answers too late fails.
  "kube-request": {
    exitCode: 3,
    blame: "mesh",
    slownessCausesIt: true,
    meaning: "An API server refused a request or did not answer.",
    remedy: "Read the quoted answer; check that the API server is up and that the user has the permissions.",
  },
  timeout: {
    exitCode: 3,
    blame: "mesh",
    slownessCausesIt: true,
    meaning: "Something did not happen within its deadline. The message contains the last observed state.",
    remedy: "Run `diagnose`; check that the machine is not overloaded.",
  },
  late: {
    exitCode: 3,
    blame: "mesh",
    slownessCausesIt: true,
    meaning: "Something happened only after its deadline. A late success is not a pass.",
    remedy: "Check that the machine is not overloaded; compare the time in the message with the budget.",
  },
  undecided: {
    exitCode: 3,
    blame: "test-machine",
    meaning:
      "A look that began before a deadline and ended after it saw what was waited for: it may have held in time.",
    remedy: "End other programs and run it again; a machine with so little time needs longer budgets.",
  },
  aborted: {
    exitCode: 130,
    blame: "user",
    meaning: "The command was interrupted, by Ctrl-C, a signal or `--timeout`.",
    remedy: "Run it again, with a longer `--timeout` if that ended it.",
  },
  // Always a failure: a fault without effect proves nothing about the tests.
  "fault-no-effect": {
    exitCode: 3,
    blame: "mesh",
    meaning: "A fault was injected and had no effect, such as a firewall rule that matched no packet.",
    remedy: "Check that the mesh has the component that the fault acts on.",
  },
  "probe-failed": {
    exitCode: 3,
    blame: "test-machine",
    meaning: "The prober could not start or did not deliver its results.",
    remedy: "Run the command again; read the quoted output if it fails again.",
  },
  "rig-spoiled": {
    exitCode: 3,
    blame: "test-machine",
    meaning: "The test machine was too busy or stalled, so the measurement is not valid for the mesh.",
    remedy: "End other programs and measure again.",
  },
  // Unreadable output of Cilium is treated as a change in Cilium until it is investigated.
  "evidence-malformed": {
    exitCode: 3,
    blame: "mesh",
    meaning: "Evidence, such as output of Cilium, cannot be read.",
    remedy: "Compare the quoted output with what the Cilium version is expected to write.",
  },
  // Either the mesh lacks something or the harness has a defect: a failure until it is investigated.
  "value-missing": {
    exitCode: 3,
    blame: "mesh",
    meaning: "Something that must exist in the mesh or in a record does not.",
    remedy: "Run `diagnose`; if the mesh is healthy, report a defect of Meshproof.",
  },
  // Usually the mesh blocks the removal; if the machine is to blame, the error's causes say so.
  "cleanup-failed": {
    exitCode: 3,
    blame: "mesh",
    meaning: "Something could not be removed or undone.",
    remedy: "Run `heal`, then `down`.",
  },
} as const satisfies Readonly<Record<string, ErrorFacts>>;

export type ErrorCode = keyof typeof table;

export const errorCodes: Readonly<Record<ErrorCode, ErrorFacts>> = table;
