import type { KubeObject } from "#harness/kube/kube.ts";
import type { Application } from "#harness/model/application.ts";
import type { WorkloadSetting } from "#harness/model/setting.ts";

interface Container {
  readonly name: string;
  readonly readinessProbe?: { readonly periodSeconds?: number; readonly failureThreshold?: number };
  readonly lifecycle?: { readonly preStop?: { readonly sleep?: { readonly seconds: number } } };
}

/** What can change a measurement of a deployment, read from its object; defaults of Kubernetes are filled in. */
export function workloadSettingOf(deployment: KubeObject, application: Application): WorkloadSetting {
  const { spec } = deployment;
  const pod = spec.template.spec as {
    readonly terminationGracePeriodSeconds?: number;
    readonly containers: readonly Container[];
  };
  const drains = pod.containers.map((c) => c.lifecycle?.preStop?.sleep?.seconds ?? 0);
  return {
    application,
    replicas: Number(spec.replicas ?? 1),
    strategy: String(spec.strategy?.type ?? "RollingUpdate"),
    graceSeconds: pod.terminationGracePeriodSeconds ?? 30,
    drainSeconds: Math.max(0, ...drains),
    containers: Object.fromEntries(
      pod.containers.map(({ name, readinessProbe: probe, lifecycle }) => [
        name,
        {
          readinessPeriodSeconds: probe === undefined ? null : (probe.periodSeconds ?? 10),
          readinessFailures: probe === undefined ? null : (probe.failureThreshold ?? 3),
          preStop: Object.keys(lifecycle?.preStop ?? {})[0] ?? null,
        },
      ]),
    ),
  };
}
