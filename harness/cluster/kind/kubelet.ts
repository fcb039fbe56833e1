import { isAtLeast } from "#harness/lib/version.ts";
import { dockerInfo } from "#harness/platform/docker.ts";

/** From Kubernetes 1.35 on, kubelet refuses cgroup v1 unless its configuration says otherwise (KEP-5573). */
const refusesCgroupV1 = (kubernetes: string): boolean => isAtLeast(kubernetes, "1.35.0");

/** What kubelet's configuration needs on a machine with this version of cgroup, and a sentence for the report. */
export function kubeletSettings(
  kubernetes: string,
  cgroupVersion: string,
): { readonly settings: Readonly<Record<string, unknown>>; readonly note: string } | undefined {
  if (cgroupVersion !== "1" || !refusesCgroupV1(kubernetes)) return undefined;
  return {
    settings: { failCgroupV1: false },
    note: "kubelet runs with failCgroupV1: false, because this machine has cgroup v1",
  };
}

/** The same for the machine that this runs on; asks Docker only where the answer may matter. */
export async function kubeletSettingsHere(kubernetes: string): Promise<ReturnType<typeof kubeletSettings>> {
  if (!refusesCgroupV1(kubernetes)) return undefined;
  return kubeletSettings(kubernetes, (await dockerInfo()).cgroupVersion);
}
