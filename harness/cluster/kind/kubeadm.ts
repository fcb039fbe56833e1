import { stringify as toYaml } from "yaml";
import type { Tuning } from "#harness/model/tuning.ts";

/**
 * Two changes to kubeadm's control plane, without which a small machine has outages of seconds that would be
 * attributed to Cilium. First, the EndpointSlice controller reads a stale cache if a second backend ends within
 * milliseconds of the first, and then retries after 1 s, 2 s and 4 s (endpointslice_controller.go: "informer cache is
 * out of date"); so it batches changes for 100 ms. Second, etcd waits for the host's disk at every write; a lab need
 * not survive a crash of its host, so it does not.
 */
const tuned = {
  etcd: { "unsafe-no-fsync": "true" },
  controllerManager: { "endpointslice-updates-batch-period": "100ms" },
} as const;

/** Flags of kubeadm's control plane, by component. An untuned lab has Kubernetes' defaults. */
export const controlPlaneFlags = (
  tuning: Tuning,
): Readonly<Record<string, Readonly<Record<string, string>>>> => (tuning === "tuned" ? tuned : {});

/** Patches of kubeadm's configuration, one for each version of its format. */
export function kubeadmPatches(tuning: Tuning, coredns: string | undefined): string[] {
  const { etcd, controllerManager } = controlPlaneFlags(tuning);
  return (["v1beta3", "v1beta4"] as const).map((version) => {
    // From v1beta4 on, flags are a list.
    const extraArgs = (flags: Readonly<Record<string, string>>) => ({
      extraArgs:
        version === "v1beta3" ? flags : Object.entries(flags).map(([name, value]) => ({ name, value })),
    });
    return toYaml({
      apiVersion: `kubeadm.k8s.io/${version}`,
      kind: "ClusterConfiguration",
      ...(etcd === undefined ? {} : { etcd: { local: extraArgs(etcd) } }),
      ...(controllerManager === undefined ? {} : { controllerManager: extraArgs(controllerManager) }),
      ...(coredns === undefined ? {} : { dns: { imageTag: coredns } }),
    });
  });
}
