import type { Cluster } from "#harness/cluster/cluster.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { throwIfAborted } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import type { Artifacts } from "#harness/model/artifacts.ts";
import { helmPreflight } from "#harness/platform/helm.ts";

/** Runs the new chart's pre-flight check in one cluster; throws if it fails. */
export async function chartPreflight(
  { name, kubeconfig }: Cluster,
  artifacts: Artifacts,
  given: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<void> {
  const { chartDir, imageValues } = found(artifacts.clusters[name], `cluster ${name} in the artifacts`);
  const values = {
    ...imageValues,
    preflight: { ...((imageValues.preflight ?? {}) as object), enabled: true },
    agent: false,
    operator: { enabled: false },
    k8sServiceHost: given.k8sServiceHost,
    k8sServicePort: given.k8sServicePort,
  };
  try {
    await helmPreflight({
      helm: artifacts.tools.helm,
      kubeconfig,
      chartDir,
      values,
      signal,
      timeoutMs: 180_000,
    });
  } catch (error) {
    throwIfAborted(signal, "pre-flight check");
    throw new MeshproofError(
      "command-failed",
      `the chart's pre-flight check failed in ${name}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
