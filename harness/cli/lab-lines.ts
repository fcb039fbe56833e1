import { clusterOf } from "#harness/cluster/cluster.ts";
import { meshCommand, shellQuote } from "#harness/lib/shell-quote.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { ciliumCliLine } from "./cilium-cli-line.ts";

/** Shell-quoted, to be followed by a subcommand. */
export const kubectlOf = (c: { readonly kubeconfig: string; readonly context: string }): string =>
  shellQuote(["kubectl", "--kubeconfig", c.kubeconfig, "--context", c.context]);

/** How to reach the clusters of a lab. */
export const labClusters = (state: LabState) =>
  state.plan.clusters.map(({ name }) => {
    const { kubeconfig, context } = clusterOf(state, name);
    return { name, kubeconfig, context };
  });

/** Next steps with a lab that has just come up. */
export const labLines = (state: LabState): string[] => [
  ...labClusters(state).map((c) => `${c.name}: ${kubectlOf(c)} get pods -A`),
  ...(state.artifacts.ciliumCli === undefined ? [] : [ciliumCliLine(state.artifacts.ciliumCli)]),
  `next: ${meshCommand("test", "--lab", state.lab)}; ${meshCommand("down", "--lab", state.lab)}`,
];
