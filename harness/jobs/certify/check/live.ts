import { crdStates } from "#harness/cilium/crd-states.ts";
import { installedValues } from "#harness/cilium/installed-values.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { discoverCluster } from "#harness/cluster/external/discover-cluster.ts";
import { ExternalCluster } from "#harness/cluster/external/external-cluster.ts";
import { Mesh } from "#harness/cluster/mesh.ts";
import { type ClusterEvidence, collectEvidence } from "#harness/evidence/evidence.ts";
import { kinds } from "#harness/kube/kube.ts";
import { checkKubeconfig, namedKubeconfig } from "#harness/kube/kubeconfig.ts";
import { messageOf } from "#harness/lib/errors.ts";
import type { CrdState } from "#harness/semantics/crd-versions.ts";
import { requireLab } from "#harness/state/lab.ts";
import type { Part } from "../../repro/part.ts";
import { type CheckReport, checkMesh, type Versions } from "./check.ts";
import type { Unread } from "./found.ts";

/** The clusters of a lab that is up. Nothing in them is changed. */
export async function checkLab(lab: string, versions: Versions): Promise<CheckReport> {
  return checkLive(new Mesh(await requireLab(lab)).clusters, versions);
}

/** Clusters that exist already, by their contexts: only rights to read are needed. */
export async function checkContexts(
  contexts: readonly string[],
  kubeconfig: string | undefined,
  versions: Versions,
): Promise<CheckReport> {
  const named = namedKubeconfig(kubeconfig);
  checkKubeconfig(named, contexts);
  const planned = await Promise.all(contexts.map((c) => discoverCluster(c, named.path, "read")));
  return checkLive(
    planned.map((p) => new ExternalCluster({ profile: "default" }, p, p.cilium)),
    versions,
  );
}

async function checkLive(clusters: readonly Cluster[], versions: Versions): Promise<CheckReport> {
  const unread: Unread[] = [];
  const or = async <T>(what: string, read: Promise<T>): Promise<T | undefined> =>
    read.catch((error: unknown) => {
      unread.push({
        message: `${what} could not be read: ${messageOf(error)}`,
        remedy: "use a context that may read them",
      });
      return undefined;
    });
  const [evidence, ...rest] = await Promise.all([
    collectEvidence({ clusters }, { logs: false }),
    ...clusters.map(async (c) => ({
      name: c.name,
      values: await or(`the Helm release of ${c.name}`, installedValues(c)),
      crds: await or(`the CRDs of ${c.name}`, crdStates(c)),
      nodeConfigs: await or(`the CiliumNodeConfigs of ${c.name}`, c.kube.list(kinds.ciliumNodeConfig)),
    })),
  ]);
  const crds = new Map<string, readonly CrdState[]>();
  const files = new Map<string, ClusterEvidence>(evidence);
  for (const { name, values, crds: states, nodeConfigs } of rest) {
    if (states !== undefined) crds.set(name, states);
    // In memory only: values may hold keys.
    const more = Object.entries({ "helm-values.json": values, "ciliumnodeconfigs.json": nodeConfigs });
    files.set(
      name,
      new Map([
        ...(files.get(name) ?? []),
        ...more.flatMap(([file, value]): [string, string][] =>
          value === undefined ? [] : [[file, JSON.stringify(value)]],
        ),
      ]),
    );
  }
  const report = await checkMesh({ evidence: files, parts: clusters.map(kubernetesOf), crds }, versions);
  return { ...report, unread: [...report.unread, ...unread] };
}

/** Evidence keeps no version of other users' nodes. */
const kubernetesOf = ({ name, kubernetesVersion }: Cluster): Part => ({
  source: name,
  cluster: name,
  networking: { kubernetesVersion },
  objects: [],
  notes: [],
  sysdump: false,
});
