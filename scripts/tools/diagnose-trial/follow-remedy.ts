import { delimiter } from "node:path";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { type RemedyCommand, remedyCommands } from "#harness/diagnose/remedy-commands.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { Finding } from "#harness/model/finding.ts";
import { command } from "#harness/platform/command.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { requireCiliumCli } from "../sysdump/sysdump.ts";

/** A command that hangs is no remedy. */
const commandMs = 300_000;

/**
 * The commands of the first finding, and of further ones of its kind: a fault that sets two rules, or that is in two
 * clusters, gives one finding for each. Each command once; those that only show something are left out.
 */
export function commandsToFollow(findings: readonly Finding[], clusters: readonly string[]): RemedyCommand[] {
  const [first] = findings;
  const all = findings.filter((f) => f === first || (f.id !== undefined && f.id === first?.id));
  const found = all.flatMap((f) => remedyCommands(f, clusters)).filter((c) => c.changes);
  return [...new Map(found.map((c) => [`${c.cluster} ${shellQuote(c.argv)}`, c])).values()];
}

/** What a lab has in place of what a reader has on the own machine. */
export interface LabTools {
  readonly helm: string;
  readonly cilium: string;
  /** By the names of clusters. */
  readonly contexts: ReadonlyMap<string, string>;
  readonly charts: ReadonlyMap<string, string>;
}

/**
 * A command as it is run on a lab: with the context of its cluster, the lab's own Helm, Cilium CLI and chart in place of
 * those of the reader, and contexts in place of the names of clusters after `--context` and `--destination-context`.
 */
export function onLab({ cluster, argv }: RemedyCommand, tools: LabTools): string[] {
  const [program = "", ...rest] = argv;
  const context = tools.contexts.get(cluster) ?? cluster;
  switch (program) {
    case "kubectl":
      return [program, "--context", context, ...rest];
    case "helm":
      return [tools.helm, "--kube-context", context, ...ownChart(rest, tools.charts.get(cluster))];
    case "cilium": {
      const named = rest.map((word, i) =>
        /^--(?:destination-)?context$/.test(rest[i - 1] ?? "") ? (tools.contexts.get(word) ?? word) : word,
      );
      return [tools.cilium, ...(named.includes("--context") ? [] : ["--context", context]), ...named];
    }
    default:
      return [...argv];
  }
}

/** `cilium/cilium --version V` is a chart of a repository that the reader added; a lab has it as a folder. */
function ownChart(words: readonly string[], chart: string | undefined): string[] {
  const at = words.indexOf("cilium/cilium");
  if (at === -1 || chart === undefined) return [...words];
  const after = words.slice(words[at + 1] === "--version" ? at + 3 : at + 1);
  return [...words.slice(0, at), chart, ...after];
}

export function toolsOf(mesh: Mesh, signal: AbortSignal): LabTools {
  const { artifacts } = mesh.state;
  const hasCli = artifacts.ciliumCli !== undefined && "program" in artifacts.ciliumCli;
  return {
    helm: artifacts.tools.helm,
    cilium: hasCli ? requireCiliumCli(mesh.state, signal).program : "cilium",
    contexts: new Map(mesh.clusters.map((c) => [c.name, c.context])),
    charts: new Map(Object.entries(artifacts.clusters).map(([name, { chartDir }]) => [name, chartDir])),
  };
}

/** Runs them one after the other, as a reader would; throws with the output of the first that fails. */
export async function follow(
  mesh: Mesh,
  commands: readonly RemedyCommand[],
  { say, signal }: { readonly say: (line: string) => void; readonly signal: AbortSignal },
): Promise<void> {
  const tools = toolsOf(mesh, signal);
  const all = mesh.clusters.map((c) => c.kubeconfig).join(delimiter);
  for (const each of commands) {
    const [program, ...rest] = onLab(each, tools);
    if (program === undefined) throw new MeshproofError("usage", "a remedy has an empty command");
    say(`      ${each.cluster}: ${shellQuote(each.argv)}`);
    await command(program, rest, {
      // `npm run mesh` works from the repository alone.
      cwd: repoRoot(),
      // `cilium clustermesh` needs two clusters.
      env: { KUBECONFIG: each.argv[0] === "cilium" ? all : mesh.cluster(each.cluster).kubeconfig },
      signal,
      timeoutMs: commandMs,
    });
  }
}
