import { delimiter } from "node:path";
import { command, exists, output } from "./command.ts";

/** A cluster as the CLI needs it. */
export interface CliTarget {
  readonly context: string;
  readonly kubeconfig: string;
}

interface CliCall {
  readonly argv: readonly string[];
  /** The clusters whose kubeconfigs the call needs. */
  readonly clusters: readonly CliTarget[];
}

/** The `cilium` command line tool (Cilium's "Setting up Cluster Mesh" guide); each call waits until the tool ends. */
export class CiliumCli {
  readonly version: string;
  readonly #program: string;
  readonly #signal: AbortSignal;

  /** `program`: one that Meshproof built, whose version is known: `cilium version` sends a request to the internet. */
  constructor(
    { program, version }: { readonly program: string; readonly version: string },
    signal: AbortSignal,
  ) {
    this.version = version;
    this.#program = program;
    this.#signal = signal;
  }

  /** The one on the PATH, for a machine that cannot build it. */
  static async onPath(signal: AbortSignal): Promise<CiliumCli | undefined> {
    if (!(await exists("cilium"))) return undefined;
    const reported = await output("cilium", ["version", "--client"], { signal });
    const version = /cilium-cli: (\S+)/.exec(reported)?.[1] ?? "of unknown version";
    return new CiliumCli({ program: "cilium", version }, signal);
  }

  /** Whether `connect` has to be told that the clusters may have different CAs; older versions only warn. */
  async refusesMismatchingCa(cluster: CliTarget): Promise<boolean> {
    const help = await this.run({ argv: ["clustermesh", "connect", "--help"], clusters: [cluster] });
    return help.includes("--allow-mismatching-ca");
  }

  /** Runs the tool and returns what it printed. A failure is an error with the relevant lines. */
  async run({ argv, clusters }: CliCall): Promise<string> {
    // The tool merges several kubeconfigs.
    const env = { KUBECONFIG: [...new Set(clusters.map((c) => c.kubeconfig))].join(delimiter) };
    const { stdout, stderr } = await command(this.#program, argv, { env, signal: this.#signal });
    return [stdout, stderr].filter((text) => text !== "").join("\n");
  }
}
