import { MeshproofError } from "#harness/lib/errors.ts";

/** What the checks need to know of a cluster. */
export interface CliCluster {
  readonly name: string;
  readonly context: string;
  readonly nodes: number;
  readonly hasKvstoreMesh: boolean;
}

/** A line that must be in a command's output: what it shows, and its pattern. */
interface ExpectedLine {
  readonly what: string;
  readonly pattern: RegExp;
}

export interface CliStep {
  /** The arguments after `cilium`. */
  readonly argv: readonly string[];
  readonly expected: readonly ExpectedLine[];
}

/** What Meshproof adds to the document's commands. */
export const additions = {
  waitDuration: {
    what: "--wait-duration",
    why: "the lab's budget for meshing bounds the wait, not the CLI's own 5 or 15 minutes",
  },
  notInteractive: {
    what: "--interactive=false, for `cilium status`",
    why: "the output then holds the last status only, not every one that was overwritten while waiting",
  },
  mismatchingCa: {
    what: "--allow-mismatching-ca",
    why: "each cluster keeps the CA that its chart made, as in the document; newer CLIs refuse that without this flag, older ones only warn",
  },
  helmCertificates: {
    what: "helm upgrade cilium --reuse-values --set clustermesh.apiserver.tls.auto.method=helm, after `enable`",
    why: "`enable` sets the method cronJob, whose image (certgen) cannot be built here; no flag of `enable` changes that",
  },
  meshConfig: {
    what: "--set clustermesh.config.enabled=true, in the same Helm upgrade",
    why: "without it charts since 1.19 make no ConfigMap clustermesh-remote-users, which clustermesh-apiserver mounts; newer CLIs set it in `enable`",
  },
  everyStatus: {
    what: "`cilium status --wait` and the last `clustermesh status --wait` on every cluster, not on one",
    why: "one `connect` has to connect both directions",
  },
} as const;
export type Addition = keyof typeof additions;

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const wait = (withinMs: number): string[] => ["--wait", "--wait-duration", `${Math.ceil(withinMs / 1000)}s`];

/** After Helm installed Cilium without a mesh. */
export const statusStep = (cluster: CliCluster, withinMs: number): CliStep => ({
  argv: ["status", "--context", cluster.context, ...wait(withinMs), "--interactive=false"],
  expected: [
    { what: "Cilium is OK", pattern: /\bCilium:\s+OK$/m },
    { what: "the operator is OK", pattern: /\bOperator:\s+OK$/m },
    { what: "ClusterMesh is disabled", pattern: /\bClusterMesh:\s+disabled$/m },
  ],
});

export const enableStep = (cluster: CliCluster): CliStep => ({
  argv: ["clustermesh", "enable", "--context", cluster.context, "--service-type", "NodePort"],
  expected: [
    { what: "it warns of a NodePort", pattern: /service type NodePort may fail when nodes are removed/i },
  ],
});

const accessible: readonly ExpectedLine[] = [
  {
    what: "clustermesh-apiserver has a NodePort",
    pattern: /^✅ Service "clustermesh-apiserver" of type "NodePort" found$/m,
  },
  {
    what: "its address is known",
    pattern: /^✅ Cluster access information is available:\n {2}- \S+:\d+$/m,
  },
  { what: "its deployment is ready", pattern: /^✅ Deployment clustermesh-apiserver is ready$/m },
];

const clustermeshStatus = (cluster: CliCluster, withinMs: number): string[] => [
  ...["clustermesh", "status", "--context", cluster.context],
  ...wait(withinMs),
];

/** Before `connect`. */
export const enabledStep = (cluster: CliCluster, withinMs: number): CliStep => ({
  argv: clustermeshStatus(cluster, withinMs),
  expected: [...accessible, { what: "no cluster is connected yet", pattern: /^🔌 No cluster connected$/m }],
});

/** One call connects both directions. */
export function connectStep(from: CliCluster, to: CliCluster, refusesMismatchingCa: boolean): CliStep {
  const configured = (a: CliCluster, b: CliCluster): ExpectedLine => ({
    what: `${a.name} is configured to connect to ${b.name}`,
    pattern: new RegExp(
      `^ℹ️ +Configuring Cilium in cluster ${escaped(a.context)} to connect to cluster ${escaped(b.context)}$`,
      "m",
    ),
  });
  const [source, destination] = [escaped(from.context), escaped(to.context)];
  return {
    argv: [
      ...["clustermesh", "connect", "--context", from.context, "--destination-context", to.context],
      ...(refusesMismatchingCa ? ["--allow-mismatching-ca"] : []),
    ],
    expected: [
      ...[from, to].map((c) => ({
        what: `the access information and secrets of ${c.name} are read`,
        pattern: new RegExp(
          `^✨ Extracting access information of cluster ${escaped(c.name)}\\.\\.\\.\\n🔑 Extracting secrets from cluster ${escaped(c.name)}\\.\\.\\.$`,
          "m",
        ),
      })),
      configured(from, to),
      configured(to, from),
      {
        what: "both directions are connected by this one command",
        pattern: new RegExp(`^✅ Connected cluster ${source} <=> ${destination}!$`, "m"),
      },
    ],
  };
}

/** After `connect`, in every cluster. */
export function connectedStep(cluster: CliCluster, peers: readonly CliCluster[], withinMs: number): CliStep {
  const all = `${cluster.nodes}/${cluster.nodes}`;
  const copies = cluster.hasKvstoreMesh ? " - KVStoreMesh: (\\d+)/\\1 configured, \\1/\\1 connected" : "";
  return {
    argv: clustermeshStatus(cluster, withinMs),
    expected: [
      ...accessible,
      {
        what: `all ${cluster.nodes} nodes are connected to all clusters`,
        pattern: new RegExp(
          `^✅ All ${cluster.nodes} nodes are connected to all clusters \\[min:${peers.length} / avg:${peers.length}\\.0 / max:${peers.length}\\]$`,
          "m",
        ),
      },
      ...peers.map((peer) => ({
        what: `${peer.name} is configured and connected on all ${cluster.nodes} nodes${cluster.hasKvstoreMesh ? " and in KVStoreMesh" : ""}`,
        pattern: new RegExp(`^ *- ${escaped(peer.name)}: ${all} configured, ${all} connected${copies}$`, "m"),
      })),
    ],
  };
}

/** The text without colours and cursor movements, which the CLI prints to files too. */
const plain = (text: string): string =>
  text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, "g"), "");

/**
 * The output without colours, and what was found in it. Throws `mesh-not-ready` for a line that is missing, and for an
 * error that the CLI prints although it exits with 0.
 */
export function checkOutput(
  { argv, expected }: CliStep,
  printed: string,
): { readonly output: string; readonly found: string[] } {
  const output = plain(printed)
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
  const missing = expected.filter(({ pattern }) => !pattern.test(output)).map(({ what }) => what);
  const errors = output.split("\n").filter((line) => line.trim().startsWith("❌"));
  if (missing.length === 0 && errors.length === 0) return { output, found: expected.map(({ what }) => what) };
  const trouble = [
    ...missing.map((what) => `nothing says that ${what}`),
    ...errors.map((line) => `it prints ${line.trim()}`),
  ];
  throw new MeshproofError(
    "mesh-not-ready",
    `\`cilium ${argv.join(" ")}\` ended, but ${trouble.join("; ")}. It printed:\n${output}`,
    {
      remedy:
        "read the output; if it is right and only worded otherwise, correct harness/cilium/install/profiles/cli-steps.ts",
    },
  );
}
