import { stringify as toYaml } from "yaml";
import { command } from "./command.ts";

export interface HelmRelease {
  readonly helm: string;
  readonly kubeconfig: string;
  readonly chartDir: string;
  readonly values: Record<string, unknown>;
  readonly signal: AbortSignal;
}

/** Installs or upgrades the release `cilium`. Values go through standard input: keys never touch the disk. */
export async function installCilium(release: HelmRelease): Promise<void> {
  await command(release.helm, [...upgradeOf(release), "--install", "--values", "-"], {
    input: toYaml(release.values),
    signal: release.signal,
  });
}

/** Upgrades the release with the values that it has: what the chart makes at random is made anew. */
export async function upgradeCilium(release: Omit<HelmRelease, "values">): Promise<void> {
  await command(release.helm, [...upgradeOf(release), "--reuse-values"], { signal: release.signal });
}

function upgradeOf({ chartDir, kubeconfig }: Omit<HelmRelease, "values">): string[] {
  const where = ["--namespace", "kube-system", "--kubeconfig", kubeconfig, "--history-max", "3"];
  return ["upgrade", "cilium", chartDir, ...where];
}
