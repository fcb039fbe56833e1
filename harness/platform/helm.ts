import { parseAllDocuments, stringify as toYaml } from "yaml";
import { command, output } from "./command.ts";

export interface HelmRelease {
  readonly helm: string;
  readonly kubeconfig: string;
  readonly chartDir: string;
  readonly values: Record<string, unknown>;
  readonly signal: AbortSignal;
}

/** Helm takes a plain `no` for false and `010` for 8: such texts are in quotes. */
const inYaml = (values: Record<string, unknown>): string => toYaml(values, { compat: "yaml-1.1" });

/** Installs or upgrades the release `cilium`. Values go through standard input: keys are never written to disk. */
export async function installCilium(release: HelmRelease & { readonly timeoutMs?: number }): Promise<void> {
  await command(release.helm, [...upgradeOf(release), "--install", "--values", "-"], {
    input: inYaml(release.values),
    signal: release.signal,
    ...(release.timeoutMs === undefined ? {} : { timeoutMs: release.timeoutMs }),
  });
}

/** Rolls back a release that a killed helm left locked in a pending state. */
export async function unlockRelease(
  release: Pick<HelmRelease, "helm" | "kubeconfig" | "signal">,
): Promise<void> {
  const where = ["--namespace", "kube-system", "--kubeconfig", release.kubeconfig];
  const reported = await output(release.helm, ["status", "cilium", "-o", "json", ...where], {
    signal: release.signal,
  });
  const { info } = JSON.parse(reported) as { info: { status: string } };
  if (info.status.startsWith("pending-"))
    await command(release.helm, ["rollback", "cilium", ...where], { signal: release.signal });
}

/** Packages the chart in folder `dir` as `NAME-VERSION.tgz` in folder `to`. */
export async function packageChart(of: {
  readonly helm: string;
  readonly dir: string;
  readonly to: string;
  readonly signal: AbortSignal;
}): Promise<void> {
  await command(of.helm, ["package", of.dir, "--destination", of.to], { signal: of.signal });
}

/** The user-supplied values of the release. */
export async function releaseValues(
  release: Pick<HelmRelease, "helm" | "kubeconfig" | "signal">,
): Promise<Record<string, unknown>> {
  const reported = await output(
    release.helm,
    [
      "get",
      "values",
      "cilium",
      "--namespace",
      "kube-system",
      "--kubeconfig",
      release.kubeconfig,
      "-o",
      "json",
    ],
    { signal: release.signal },
  );
  return (JSON.parse(reported) ?? {}) as Record<string, unknown>;
}

/** The chart's objects rendered with these values, without a request to a cluster. */
export async function renderChart(
  release: Pick<HelmRelease, "helm" | "chartDir" | "values" | "signal"> & { readonly kubernetes: string },
): Promise<Record<string, unknown>[]> {
  const reported = await output(
    release.helm,
    [
      ...["template", "cilium", release.chartDir, "--namespace", "kube-system", "--values", "-"],
      ...["--kube-version", release.kubernetes],
    ],
    { input: inYaml(release.values), signal: release.signal },
  );
  return parseAllDocuments(reported)
    .map((d) => d.toJS() as Record<string, unknown> | null)
    .filter((d) => d !== null);
}

/**
 * The chart's own pre-flight check (Cilium's upgrade guide): the new agent's image on every node, and the new version's
 * view of the policies. It is removed again in every case.
 */
export async function helmPreflight(release: HelmRelease & { readonly timeoutMs: number }): Promise<void> {
  const where = ["--namespace", "kube-system", "--kubeconfig", release.kubeconfig];
  try {
    await command(
      release.helm,
      [
        ...["upgrade", "cilium-preflight", release.chartDir, "--install", "--values", "-", "--wait"],
        ...["--timeout", `${Math.round(release.timeoutMs / 1000)}s`, ...where],
      ],
      { input: inYaml(release.values), signal: release.signal },
    );
  } finally {
    await command(release.helm, ["uninstall", "cilium-preflight", "--ignore-not-found", "--wait", ...where], {
      tolerate: true,
      timeoutMs: 120_000,
    });
  }
}

/**
 * Upgrades the release with its current values, overridden by `values`; this regenerates the chart's random values.
 */
export async function upgradeCilium(
  release: Omit<HelmRelease, "values"> & Partial<Pick<HelmRelease, "values">>,
): Promise<void> {
  await command(release.helm, [...upgradeOf(release), "--reuse-values", "--values", "-"], {
    input: inYaml(release.values ?? {}),
    signal: release.signal,
  });
}

function upgradeOf({ chartDir, kubeconfig }: Omit<HelmRelease, "values">): string[] {
  const where = ["--namespace", "kube-system", "--kubeconfig", kubeconfig, "--history-max", "3"];
  return ["upgrade", "cilium", chartDir, ...where];
}
