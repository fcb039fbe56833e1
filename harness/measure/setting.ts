import { isIP } from "node:net";
import { type Cluster, isKind } from "#harness/cluster/cluster.ts";
import { controlPlaneFlags } from "#harness/cluster/kind/kubeadm.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { kinds } from "#harness/kube/kube.ts";
import { leavesOf, type Scalar } from "#harness/lib/canonical-json.ts";
import { found } from "#harness/lib/found.ts";
import type { Provenance } from "#harness/model/artifacts.ts";
import type { KindConfig } from "#harness/model/lab-plan.ts";
import type { Setting } from "#harness/model/measurement.ts";
import type { ClusterSetting, SettingRecord, WorkloadSetting } from "#harness/model/setting.ts";
import type { Tuning } from "#harness/model/tuning.ts";
import { releaseValues } from "#harness/platform/helm.ts";
import { machineClass } from "#harness/platform/machine.ts";

type ByPath = Readonly<Record<string, Scalar>>;

/** What differs from measurement to measurement in one lab. */
export interface Measuring {
  readonly workload: WorkloadSetting;
  readonly realTime: SettingRecord["realTime"];
  readonly probeIntervalFactor: number;
}

/** Values of a lab that no measurement in it changes; read once in each process. */
const ofLabs = new WeakMap<Mesh, Promise<Readonly<Record<string, ClusterSetting>>>>();

/** The setting of a measurement, as the lab is: Helm values are read from the releases, not from the plan. */
export async function settingRecordOf(
  mesh: Mesh,
  measuring: Measuring,
  signal: AbortSignal,
): Promise<SettingRecord> {
  const { plan, artifacts } = mesh.state;
  const reading = ofLabs.get(mesh) ?? clusterSettings(mesh, signal);
  ofLabs.set(mesh, reading);
  reading.catch(() => ofLabs.delete(mesh));
  const { baselineRuns: _, baselineErrorRate: __, ...budgets } = plan.budgets;
  return {
    tuning: plan.tuning,
    realTime: measuring.realTime,
    machine: machineClass(),
    imageSource: artifacts.source,
    components: componentsOf(artifacts.provenance),
    profile: plan.profile,
    serviceType: plan.serviceType,
    networks: plan.networks,
    clusters: await reading,
    workload: measuring.workload,
    probeIntervalFactor: measuring.probeIntervalFactor,
    budgets,
    rig: plan.rig,
  };
}

/** The main points of a setting, for tables. */
export function summaryOf({ clusters, machine, imageSource }: SettingRecord): Setting {
  const all = (of: (c: ClusterSetting) => string): string =>
    [...new Set(Object.values(clusters).map(of))].join(" and ");
  return {
    cilium: all((c) => c.cilium),
    kubernetes: all((c) => c.kubernetes),
    kernel: machine.kernel,
    machine: `${machine.cores} cores, ${machine.memoryGiB} GiB`,
    imageSource,
  };
}

async function clusterSettings(
  mesh: Mesh,
  signal: AbortSignal,
): Promise<Readonly<Record<string, ClusterSetting>>> {
  const { plan, artifacts } = mesh.state;
  const entries = mesh.clusters.map(async (cluster) => {
    const nodes = await cluster.nodes();
    const workers = nodes.filter((n) => n.role === "worker").length;
    const planned = plan.clusters.find((c) => c.name === cluster.name);
    return [
      cluster.name,
      {
        cilium: cluster.ciliumVersion,
        kubernetes: cluster.kubernetesVersion,
        controlPlanes: nodes.length - workers,
        workers,
        kubeadm: planned?.kind === "kind" ? controlPlaneSettings(plan.tuning, planned.kindConfig) : {},
        values: isKind(cluster)
          ? settingValues(
              await releaseValues({
                helm: artifacts.tools.helm,
                kubeconfig: cluster.kubeconfig,
                signal,
              }),
              found(artifacts.clusters[cluster.name], `artifacts of ${cluster.name}`).imageValues,
            )
          : settingValues(await configOf(cluster), {}),
      },
    ] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** An external cluster may not have been installed with Helm, and need not let its secrets be read. */
const configOf = async ({ kube }: Cluster): Promise<Record<string, unknown>> =>
  (await kube.get(kinds.configMap, "kube-system", "cilium-config"))?.data ?? {};

/** Flags of the control plane by the lab's tuning, and the user's own kind Config without its nodes, counted elsewhere. */
export function controlPlaneSettings(tuning: Tuning, kindConfig: KindConfig): ByPath {
  const { kind: _, apiVersion: __, name: ___, nodes: ____, ...config } = kindConfig;
  return Object.fromEntries(
    [...leavesOf(controlPlaneFlags(tuning)), ...leavesOf({ kindConfig: config })].filter(
      ([path]) => path !== "",
    ),
  );
}

const secretKeys = /(^|[./])(cert|key|caCert|caBundle|ca\.(crt|key)|tls\.(crt|key))$/;
/** Addresses and names of one lab's containers. */
const labsOwnKeys = /(^|[./])(ips(\.\d+)?|address|k8sServiceHost)$/;
/** No value of a chart is that long, except keys and certificates. */
const longestValue = 200;

/**
 * Helm values, or another configuration, by path: without keys and certificates, without what differs between two labs
 * of one lab file, and without the images, which versions and the image source stand for.
 */
export function settingValues(values: Record<string, unknown>, images: Record<string, unknown>): ByPath {
  const ofImages = leavesOf(images);
  return Object.fromEntries(
    [...leavesOf(values)].filter(
      ([path, value]) =>
        path !== "" &&
        !(ofImages.has(path) && ofImages.get(path) === value) &&
        !secretKeys.test(path) &&
        !labsOwnKeys.test(path) &&
        !isLong(value) &&
        !isAddress(value),
    ),
  );
}

const isLong = (value: Scalar): boolean => typeof value === "string" && value.length > longestValue;

/** An IP address, or a URL with one; not a CIDR. */
function isAddress(value: Scalar): boolean {
  if (typeof value !== "string") return false;
  if (isIP(value) !== 0) return true;
  const host = URL.canParse(value) ? new URL(value).hostname : value.replace(/:\d+$/, "");
  return isIP(host.replace(/^\[|\]$/g, "")) !== 0;
}

/** Versions by name; a checkout may be changed without a new version, so it has its checksum too. */
export function componentsOf(provenance: readonly Provenance[]): Record<string, string> {
  const versions = new Map<string, Set<string>>();
  for (const { name, version, origin, sum } of provenance) {
    const text = origin === "local checkout" ? `${version} ${sum}` : version;
    versions.set(name, (versions.get(name) ?? new Set<string>()).add(text));
  }
  return Object.fromEntries([...versions].map(([name, all]) => [name, [...all].sort().join(" and ")]));
}
