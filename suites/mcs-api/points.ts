import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { pause } from "#harness/lib/eventually.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import type { ClusterPair, DefineTest } from "#harness/testkit/define-suite.ts";
import type { SuiteFixtures } from "#harness/testkit/fixture-types.ts";
import { echoContainer, echoHttpPort } from "#harness/workloads/echo.ts";
import { awaitImport, exportOf } from "#harness/workloads/mcs.ts";

const kep =
  "https://github.com/kubernetes/enhancements/tree/master/keps/sig-multicluster/1645-multi-cluster-services-api";
/** A section of the KEP. */
export const section = (name: string): string => `${kep}#${name}`;

/** The body's names: `from` exports first, so its exports are the older ones; `to` exports second. */
export interface PointsOf {
  readonly pair: ClusterPair;
  readonly test: DefineTest<unknown>;
}

const http = { name: "http", port: 80, targetPort: echoHttpPort, protocol: "TCP" };

/** A service in one cluster, and its export. */
interface Part {
  /** Over the plain service: one port, the cluster's echo pods. */
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly metadata?: Pick<KubeObject["metadata"], "labels" | "annotations">;
  readonly exported?: false | Readonly<Record<string, unknown>>;
  /** The export has no service. */
  readonly missing?: true;
  /** Nothing is imported, because the export is not valid. */
  readonly invalid?: true;
}

interface Point {
  readonly first: Part;
  readonly second?: Part;
}

const headless = { clusterIP: "None", ports: [{ ...http, port: echoHttpPort }] };
/** Every address family of the cluster; otherwise Kubernetes gives a service the first only. */
const everyFamily = { ipFamilyPolicy: "PreferDualStack" };
const labelled = (value: string) => ({
  exportedLabels: { "meshproof.example/exported": value },
  exportedAnnotations: { "meshproof.example/exported": value },
});

export const affinityConfig = { clientIP: { timeoutSeconds: 1234 } };
export const stateful = "mcs-stateful";

/** As in the conformance programme: one number by two protocols, and an application protocol. */
export const plainPorts = [
  { name: "http", port: 80, protocol: "TCP", appProtocol: "http" },
  { name: "udp", port: 80, protocol: "UDP" },
] as const;

/** What the points need, by the name of the service. */
const points: Readonly<Record<string, Point>> = {
  "mcs-plain": {
    first: { spec: { ports: plainPorts.map((p) => ({ ...p, targetPort: http.targetPort })) } },
  },
  "mcs-properties": {
    first: {
      spec: {
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: affinityConfig,
        internalTrafficPolicy: "Local",
        trafficDistribution: "PreferClose",
      },
      metadata: {
        labels: { "meshproof.example/own": "yes" },
        annotations: { "meshproof.example/own": "yes" },
      },
      exported: labelled("first"),
    },
  },
  "mcs-withdrawn": { first: {} },
  "mcs-withdrawn-headless": { first: { spec: headless } },
  "mcs-shared": { first: {}, second: {} },
  "mcs-headless": { first: { spec: { ...headless, ...everyFamily } } },
  [stateful]: { first: { spec: { ...headless, selector: { app: stateful } } } },
  "mcs-sliced": {
    first: {
      spec: everyFamily,
      exported: { exportedAnnotations: { [annotation.syncEndpointSlices]: "true" } },
    },
  },
  "mcs-external": {
    first: {
      spec: { type: "ExternalName", externalName: "example.com", selector: undefined },
      invalid: true,
    },
  },
  "mcs-missing": { first: { missing: true, invalid: true } },
  "mcs-unexported": { first: { exported: false } },
  "mcs-one-of-two": { first: {}, second: { exported: false } },
  // Each has a port of its own: the union is neither's.
  "mcs-union": {
    first: { spec: { ports: [http, { ...http, name: "first", port: 81 }] } },
    second: { spec: { ports: [http, { ...http, name: "second", port: 82 }] } },
  },
  "mcs-port-conflict": { first: {}, second: { spec: { ports: [{ ...http, port: 90 }] } } },
  "mcs-port-names": { first: {}, second: { spec: { ports: [{ ...http, name: "other", port: 90 }] } } },
  // With the same ports: Cilium reports one conflict, and that of ports comes first.
  "mcs-type-conflict": { first: {}, second: { spec: { clusterIP: "None" } } },
  "mcs-affinity-conflict": {
    first: {},
    second: { spec: { sessionAffinity: "ClientIP", sessionAffinityConfig: affinityConfig } },
  },
  "mcs-label-conflict": {
    first: { exported: labelled("first") },
    second: { exported: { ...labelled("second"), exportedLabels: { "meshproof.example/other": "second" } } },
  },
};

type Needs = Pick<SuiteFixtures, "mesh" | "echo" | "namespace" | "images" | "within">;

async function create(cluster: Cluster, name: string, part: Part, { echo, namespace }: Needs): Promise<void> {
  if (part.missing !== true)
    await cluster.kube.apply({
      apiVersion: "v1",
      kind: "Service",
      metadata: { namespace, name, ...part.metadata },
      spec: { selector: { app: echo.deploymentOf(cluster) }, ports: [http], ...part.spec },
    });
  if (part.exported !== false) await cluster.kube.apply(exportOf(namespace, name, part.exported));
}

const isExported = (part: Part | undefined): boolean =>
  part !== undefined && part.exported !== false && part.invalid !== true;

/** Pods with host names of their own, in the first cluster. */
const statefulSet = (namespace: string, image: string): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "StatefulSet",
  metadata: { namespace, name: stateful },
  spec: {
    serviceName: stateful,
    replicas: 2,
    podManagementPolicy: "Parallel",
    selector: { matchLabels: { app: stateful } },
    template: {
      metadata: { labels: { app: stateful } },
      spec: { terminationGracePeriodSeconds: 1, containers: [echoContainer(image)] },
    },
  },
});

/** Creates all services and exports, and waits until every cluster has imported them. */
export async function createPoints(needs: Needs): Promise<void> {
  const { mesh, namespace, images, within } = needs;
  const [first, second] = mesh.clusters;
  if (first === undefined || second === undefined) throw new Error("MCS-API needs two clusters");
  const all = Object.entries(points);
  const imported = (exporters: (point: Point) => readonly Cluster[]) =>
    Promise.all(
      all
        .filter(([, point]) => exporters(point).length > 0)
        .flatMap(([name, point]) =>
          mesh.clusters.map((c) => awaitImport(c, { namespace, name }, exporters(point), within.settle)),
        ),
    );
  await first.kube.apply(statefulSet(namespace, images.agnhost));
  await Promise.all(all.map(([name, point]) => create(first, name, point.first, needs)));
  await imported((p) => (isExported(p.first) ? [first] : []));
  // A conflict is decided by the age of the exports, in whole seconds.
  await pause(1100, within.signal);
  await Promise.all(
    all.map(async ([name, { second: part }]) => {
      if (part !== undefined) await create(second, name, part, needs);
    }),
  );
  await imported((p) => (isExported(p.first) && isExported(p.second) ? [first, second] : []));
}

/** Judges every cluster until all pass or the time for synchronisation is up. */
export function inEvery(
  { mesh, within }: Pick<SuiteFixtures, "mesh" | "within">,
  what: string,
  judge: (cluster: Cluster) => Promise<Verdict>,
): Promise<Verdict> {
  return judgedInTime(async () => combine(await Promise.all(mesh.clusters.map(judge))), {
    what,
    everyMs: 500,
    ...within.sync,
  });
}

/** Judges a cluster's ServiceImport; one that is missing fails. */
export async function judgeImport(
  cluster: Cluster,
  { namespace, name, of }: { readonly namespace: string; readonly name: string; readonly of?: string },
  judge: (what: string, imported: KubeObject) => Verdict,
): Promise<Verdict> {
  const imported = await cluster.kube.get(kinds.serviceImport, namespace, name);
  const what = `ServiceImport ${name}${of === undefined ? "" : ` of ${of}`} in ${cluster.name}`;
  return imported === undefined ? failedBecause([`${what} is missing`]) : judge(what, imported);
}

/** The conditions of a cluster's ServiceExport; none if it is missing. */
export async function conditionsOf(
  cluster: Cluster,
  namespace: string,
  name: string,
): Promise<{ type: string; status: string; reason?: string }[]> {
  const found = await cluster.kube.get(kinds.serviceExport, namespace, name);
  return (found?.status?.conditions ?? []) as { type: string; status: string; reason?: string }[];
}
