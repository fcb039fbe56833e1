import { delimiter } from "node:path";
import { command, exists, output } from "./command.ts";

/** A cluster as the CLI needs it. */
export interface CliTarget {
  readonly context: string;
  readonly kubeconfig: string;
}

/**
 * The `cilium` command line tool, if it is on the PATH (Cilium's "Setting up Cluster Mesh" guide). It upgrades the
 * existing Helm release; each call waits until the tool ends.
 */
export class CiliumCli {
  readonly version: string;
  readonly #signal: AbortSignal;

  private constructor(version: string, signal: AbortSignal) {
    this.version = version;
    this.#signal = signal;
  }

  static async find(signal: AbortSignal): Promise<CiliumCli | undefined> {
    if (!(await exists("cilium"))) return undefined;
    const reported = await output("cilium", ["version", "--client"], { signal });
    return new CiliumCli(/cilium-cli: (\S+)/.exec(reported)?.[1] ?? "of unknown version", signal);
  }

  enable(cluster: CliTarget, serviceType: "LoadBalancer" | "NodePort"): Promise<void> {
    return this.#run([cluster], ["enable", "--context", cluster.context, "--service-type", serviceType]);
  }

  /** One call connects both directions. The clusters may have different CAs. */
  connect(from: CliTarget, to: CliTarget): Promise<void> {
    const contexts = ["--context", from.context, "--destination-context", to.context];
    return this.#run([from, to], ["connect", ...contexts, "--allow-mismatching-ca"]);
  }

  awaitStatus(cluster: CliTarget): Promise<void> {
    return this.#run([cluster], ["status", "--context", cluster.context, "--wait"]);
  }

  async #run(clusters: readonly CliTarget[], argv: readonly string[]): Promise<void> {
    // The tool merges several kubeconfigs.
    const env = { KUBECONFIG: [...new Set(clusters.map((c) => c.kubeconfig))].join(delimiter) };
    await command("cilium", ["clustermesh", ...argv], { env, signal: this.#signal });
  }
}
