import type { Cluster } from "#harness/cluster/cluster.ts";
import { MeshproofError, messageOf } from "#harness/core/errors.ts";
import { eventually, notYet, pause, ready } from "#harness/core/eventually.ts";
import { allGone, deploymentReady } from "#harness/kube/conditions.ts";
import { type Kube, type KubeObject, kinds } from "#harness/kube/kube.ts";
import { annotation } from "#harness/mesh/echo.ts";
import { agentsOf } from "#harness/observe/agent.ts";
import { type Fault, type FaultContext, type InjectedFault, injected } from "./fault.ts";

/** Scales a deployment to zero and waits until its pods are on their way out; heals to what it was. */
export async function scaleToZero(
  kube: Kube,
  namespace: string,
  name: string,
  options: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<InjectedFault> {
  const before = await kube.get(kinds.deployment, namespace, name);
  const replicas = Number(before?.spec?.replicas ?? 0);
  if (replicas === 0)
    throw new MeshproofError(
      "fault-no-effect",
      `deployment ${namespace}/${name} in ${kube.cluster} has no replica to take away`,
    );
  await kube.merge(kinds.deployment, namespace, name, { spec: { replicas: 0 } });
  return injected("scale-to-zero", `deployment ${namespace}/${name} in ${kube.cluster}`, async () => {
    if ((await kube.get(kinds.deployment, namespace, name)) === undefined) return;
    await kube.merge(kinds.deployment, namespace, name, { spec: { replicas } });
    await kube.until(kinds.deployment, { namespace, name }, deploymentReady, {
      what: `deployment ${name} to have its ${replicas} replicas again`,
      withinMs: options.withinMs,
      signal: AbortSignal.timeout(options.withinMs + 5000),
    });
  });
}

async function waitForNoPods(
  kube: Kube,
  namespace: string,
  selector: string,
  signal: AbortSignal,
): Promise<void> {
  await kube.until(kinds.pod, { namespace, labelSelector: selector }, allGone, {
    what: `pods ${selector} to end`,
    withinMs: 60_000,
    signal,
  });
}

export const apiserverDown: Fault = {
  name: "apiserver-down",
  does: "scales the second cluster's clustermesh-apiserver to zero: what is new there is not told to the others",
  async inject(context) {
    const kube = context.mesh.clusters[1]!.kube;
    const fault = await scaleToZero(kube, "kube-system", "clustermesh-apiserver", {
      withinMs: 180_000,
      signal: context.signal,
    });
    try {
      await waitForNoPods(kube, "kube-system", "k8s-app=clustermesh-apiserver", context.signal);
    } catch (error) {
      await fault.heal();
      throw error;
    }
    return injected("apiserver-down", `clustermesh-apiserver of ${kube.cluster}`, () => fault.heal());
  },
};

function suiteNamespace(context: FaultContext, fault: string): string {
  if (context.namespace === undefined) {
    throw new MeshproofError(
      "usage",
      `fault ${fault} works on a suite's objects: use it with \`test SUITE --with-fault ${fault}\``,
    );
  }
  return context.namespace;
}

/** Remembers a service's backends in the BPF maps of every agent; the answer waits until all of them differ. */
async function backendsWillChange(
  cluster: Cluster,
  service: KubeObject,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const frontend = `${service.spec.clusterIP}:${service.spec.ports[0].port}/TCP`;
  const agents = await agentsOf(cluster, signal);
  const read = async (): Promise<string[]> =>
    Promise.all(agents.map(async (a) => ((await a.lbMaps()).get(frontend) ?? []).toSorted().join(" ")));
  const before = await read();
  return async () => {
    await eventually(
      async () => {
        const same = (await read()).flatMap((now, i) => (now === before[i] ? [agents[i]!.name] : []));
        return same.length === 0 ? ready(undefined) : notYet(`unchanged on ${same.join(", ")}`);
      },
      {
        what: `the fault to reach the BPF maps of ${cluster.name} (${service.metadata.name}, ${frontend})`,
        withinMs: 20_000,
        everyMs: 500,
        signal,
      },
    ).catch((error: unknown) => {
      throw new MeshproofError("fault-no-effect", messageOf(error), { cause: error });
    });
  };
}

/** Removes annotations from every service of the suite that has them, in every cluster. */
function annotationRemoved(name: string, keys: readonly string[], does: string): Fault {
  return {
    name,
    does,
    async inject(context) {
      const namespace = suiteNamespace(context, name);
      const undo: (() => Promise<unknown>)[] = [];
      const subjects: string[] = [];
      const changed: (() => Promise<void>)[] = [];
      for (const cluster of context.mesh.clusters) {
        const { kube } = cluster;
        for (const service of await kube.list(kinds.service, namespace)) {
          const standing = Object.entries(service.metadata.annotations ?? {}).filter(([key]) =>
            keys.includes(key),
          );
          if (standing.length === 0) continue;
          changed.push(await backendsWillChange(cluster, service, context.signal));
          const removal = Object.fromEntries(standing.map(([key]) => [key, null]));
          await kube.merge(kinds.service, namespace, service.metadata.name, {
            metadata: { annotations: removal },
          });
          subjects.push(`service ${namespace}/${service.metadata.name} in ${kube.cluster}`);
          undo.push(() =>
            kube.merge(kinds.service, namespace, service.metadata.name, {
              metadata: { annotations: Object.fromEntries(standing) },
            }),
          );
        }
      }
      if (undo.length === 0)
        throw new MeshproofError("fault-no-effect", `no service in ${namespace} has ${keys.join(" or ")}`);
      const fault = injected(name, subjects.join(", "), async () => {
        for (const restore of undo) await restore();
      });
      try {
        await Promise.all(changed.map((seen) => seen()));
      } catch (error) {
        await fault.heal();
        throw error;
      }
      return fault;
    },
  };
}

export const globalRemoved = annotationRemoved(
  "global-removed",
  [annotation.global, annotation.oldGlobal],
  "removes the `global` annotation from the suite's services",
);

export const affinityRemoved = annotationRemoved(
  "affinity-removed",
  [annotation.affinity, annotation.oldAffinity],
  "removes the `affinity` annotation from the suite's services",
);

/** Policies come and go with the tests: what appears is removed, until healing. */
export const policyRemoved: Fault = {
  name: "policy-removed",
  does: "deletes the suite's network policies in every cluster as they appear",
  async inject(context) {
    const namespace = suiteNamespace(context, "policy-removed");
    const stop = new AbortController();
    const removed: string[] = [];
    const removing = Promise.all(
      context.mesh.clusters.map(async ({ kube }) => {
        while (!stop.signal.aborted) {
          for (const policy of await kube.list(kinds.ciliumNetworkPolicy, namespace)) {
            await kube.remove(kinds.ciliumNetworkPolicy, namespace, policy.metadata.name);
            removed.push(`${kube.cluster}/${policy.metadata.name}`);
          }
          await pause(100, stop.signal).catch(() => undefined);
        }
      }),
    );
    return injected("policy-removed", `network policies in ${namespace}`, async () => {
      stop.abort();
      await removing;
      if (removed.length === 0)
        throw new MeshproofError("fault-no-effect", `no network policy appeared in ${namespace}`);
    });
  },
};

/** The backends of every cluster but the first stop: clients of the first lose their remote backends. */
export const remoteBackendsStopped: Fault = {
  name: "remote-backends-stopped",
  does: "scales the suite's deployments to zero in every cluster but the first",
  async inject(context) {
    const namespace = suiteNamespace(context, "remote-backends-stopped");
    const faults: InjectedFault[] = [];
    for (const { kube } of context.mesh.clusters.slice(1)) {
      for (const deployment of await kube.list(kinds.deployment, namespace)) {
        if (Number(deployment.spec?.replicas ?? 0) === 0) continue;
        faults.push(
          await scaleToZero(kube, namespace, deployment.metadata.name, {
            withinMs: 60_000,
            signal: context.signal,
          }),
        );
        await waitForNoPods(kube, namespace, `app=${deployment.metadata.name}`, context.signal);
      }
    }
    if (faults.length === 0)
      throw new MeshproofError(
        "fault-no-effect",
        `no deployment with replicas in ${namespace} beyond the first cluster`,
      );
    return injected("remote-backends-stopped", faults.map((f) => f.subject).join(", "), async () => {
      for (const fault of faults) await fault.heal();
    });
  },
};
