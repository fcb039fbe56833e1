import { isEnded } from "#harness/kube/conditions.ts";
import { standInImage } from "#harness/lab/manifests.ts";
import type { SourceCluster, SourceObject } from "#harness/model/source-environment.ts";

/** Maximum replicas of a stand-in: more of them would show nothing new. */
export const mostReplicas = 3;

/** Namespaces whose objects are of Kubernetes, Cilium or the cluster's own tools. */
const ownNamespaces =
  /^(kube-.*|cilium(-.*)?|local-path-storage|cattle-.*|openshift-.*|gke-.*|calico-system|tigera-operator)$/;

/** Kinds whose objects are in `default` if they name no namespace. */
const namespaced =
  /^(Pod|Service|ServiceExport|ConfigMap|Secret|Deployment|StatefulSet|DaemonSet|ReplicaSet|Job|CronJob|Rollout|.*NetworkPolicy|Ingress|.*Route|Gateway|EndpointSlice)$/;

/** Every object but those of the cluster itself: a lab has its own. Objects of `default` are a user's. */
export const isUsers = (o: SourceObject): boolean =>
  !ownNamespaces.test(
    o.metadata.namespace ??
      (namespaced.test(o.kind ?? "") && !/^CiliumClusterwide/.test(o.kind ?? "")
        ? "default"
        : o.metadata.name),
  ) &&
  !(o.kind === "Service" && o.metadata.namespace === "default" && o.metadata.name === "kubernetes") &&
  !(o.kind === "Namespace" && o.metadata.name === "default");

interface WorkloadPort {
  readonly port: number;
  readonly name?: string;
  readonly protocol: "TCP" | "UDP" | "SCTP";
}

/** Pods of one workload, and the properties of their stand-in. */
export interface Workload {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly replicas: number;
  readonly labels: Readonly<Record<string, string>>;
  /** As the pod declares them: a service may refer to one by name. */
  readonly ports: readonly WorkloadPort[];
  readonly serviceAccount?: string;
  /** Pods in the network of their node get no stand-in: its ports are the node's own. */
  readonly hostNetwork: boolean;
}

/** Labels that Kubernetes sets on the pods of a workload. */
const generated =
  /^(pod-template-hash|controller-revision-hash|pod-template-generation|statefulset\.kubernetes\.io\/pod-name|apps\.kubernetes\.io\/pod-index|(batch\.kubernetes\.io\/)?(job-name|controller-uid))$/;

interface Owner {
  readonly kind: string;
  readonly name: string;
}

/** Workloads that end: their pods serve nobody. */
const ending = ["Job", "CronJob"];

/** The workloads of a cluster: behind its pods, by their owners, and those whose pods are in no file. */
export function workloadsOf(cluster: SourceCluster): Workload[] {
  const pods = cluster.pods.filter(
    (p) =>
      isUsers(p) &&
      !isEnded(p.status?.phase) &&
      !ending.includes(p.metadata.ownerReferences?.[0]?.kind ?? ""),
  );
  const groups = Map.groupBy(pods, (p) => `${p.metadata.namespace}/${ownerOf(p).name}`);
  const running = [...groups.values()].map((group) => {
    const [first] = group as [SourceObject];
    return workloadOf(cluster, ownerOf(first), { pod: first, replicas: group.length });
  });
  const written = cluster.workloads.filter(
    (o) =>
      isUsers(o) &&
      !ending.includes(o.kind ?? "") &&
      // A ReplicaSet of a Deployment is that Deployment.
      o.metadata.ownerReferences === undefined &&
      !groups.has(`${o.metadata.namespace}/${o.metadata.name}`),
  );
  return [
    ...running,
    ...written.map((o) => {
      const template = (o.spec?.template ?? {}) as {
        metadata?: Partial<SourceObject["metadata"]>;
        spec?: unknown;
      };
      const pod: SourceObject = {
        kind: "Pod",
        metadata: {
          ...template.metadata,
          name: o.metadata.name,
          namespace: o.metadata.namespace ?? "default",
        },
        spec: template.spec,
      };
      return workloadOf(
        cluster,
        { kind: o.kind ?? "", name: o.metadata.name },
        { pod, replicas: replicasOf(o, cluster.workers) },
      );
    }),
  ];
}

const replicasOf = ({ kind, spec }: SourceObject, workers: number): number =>
  kind === "DaemonSet" ? Math.max(2, workers) : typeof spec?.replicas === "number" ? spec.replicas : 1;

function workloadOf(
  cluster: SourceCluster,
  { kind, name }: Owner,
  { pod, replicas }: { readonly pod: SourceObject; readonly replicas: number },
): Workload {
  const labels = Object.fromEntries(
    Object.entries(pod.metadata.labels ?? {}).filter(([key]) => !generated.test(key)),
  );
  const account = pod.spec?.serviceAccountName ?? pod.spec?.serviceAccount;
  return {
    kind,
    namespace: pod.metadata.namespace ?? "default",
    name,
    replicas,
    // A Deployment needs a selector.
    labels: Object.keys(labels).length === 0 ? { "meshproof.local/stand-in": name } : labels,
    ports: portsOf(pod, cluster),
    hostNetwork: pod.spec?.hostNetwork === true,
    ...(typeof account === "string" && account !== "default" ? { serviceAccount: account } : {}),
  };
}

/** `cart-7d84cc4dd-lsgmn` of ReplicaSet `cart-7d84cc4dd` belongs to Deployment `cart`. */
function ownerOf(pod: SourceObject): Owner {
  const owner = pod.metadata.ownerReferences?.[0];
  const hash = pod.metadata.labels?.["pod-template-hash"];
  if (owner === undefined) return { kind: "Pod", name: pod.metadata.name };
  if (owner.kind !== "ReplicaSet" || hash === undefined) return { kind: owner.kind, name: owner.name };
  return {
    kind: "Deployment",
    name: owner.name.endsWith(`-${hash}`) ? owner.name.slice(0, -hash.length - 1) : owner.name,
  };
}

/** Whether a service's selector selects pods with these labels. */
export const selects = (
  selector: Readonly<Record<string, string>> | null | undefined,
  labels: Readonly<Record<string, string>>,
): boolean =>
  typeof selector === "object" &&
  selector !== null &&
  Object.keys(selector).length > 0 &&
  Object.entries(selector).every(([k, v]) => labels[k] === v);

interface DeclaredPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly protocol?: WorkloadPort["protocol"];
}

/** Ports that the pod declares or that services target, by number or name. */
function portsOf(pod: SourceObject, cluster: SourceCluster): WorkloadPort[] {
  const declared = ((pod.spec?.containers ?? []) as { ports?: DeclaredPort[] }[]).flatMap(
    (c) => c.ports ?? [],
  );
  const sent = cluster.services
    .filter(
      (s) =>
        s.metadata.namespace === pod.metadata.namespace &&
        selects(s.spec?.selector, pod.metadata.labels ?? {}),
    )
    .flatMap(
      (s) =>
        (s.spec.ports ?? []) as {
          port: number;
          targetPort?: number | string;
          protocol?: WorkloadPort["protocol"];
        }[],
    )
    .flatMap(({ port, targetPort = port, protocol = "TCP" }): WorkloadPort[] => {
      const number =
        typeof targetPort === "number" || /^\d+$/.test(targetPort)
          ? Number(targetPort)
          : declared.find((d) => d.name === targetPort)?.containerPort;
      return number === undefined ? [] : [{ port: number, protocol }];
    });
  const all = new Map<string, WorkloadPort>();
  for (const { containerPort, name, protocol = "TCP" } of declared)
    all.set(`${containerPort}/${protocol}`, {
      port: containerPort,
      protocol,
      ...(name === undefined ? {} : { name }),
    });
  for (const p of sent) if (!all.has(`${p.port}/${p.protocol}`)) all.set(`${p.port}/${p.protocol}`, p);
  const sorted = [...all.values()].toSorted((a, b) => a.port - b.port);
  return sorted.length === 0 ? [{ port: 8080, protocol: "TCP" }] : sorted;
}

/**
 * An echo deployment with the same labels and ports: one container per port number, each of which answers with its
 * pod's name, over HTTP and UDP.
 */
export function standIn(w: Workload): SourceObject {
  const byNumber = Map.groupBy(w.ports, (p) => p.port);
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: w.name, namespace: w.namespace },
    spec: {
      replicas: Math.min(w.replicas, mostReplicas),
      selector: { matchLabels: w.labels },
      template: {
        metadata: { labels: w.labels },
        spec: {
          terminationGracePeriodSeconds: 1,
          tolerations: [{ operator: "Exists" }],
          ...(w.serviceAccount === undefined
            ? {}
            : { serviceAccountName: w.serviceAccount, automountServiceAccountToken: false }),
          containers: [...byNumber].map(([port, ports]) => ({
            name: `port-${port}`,
            image: standInImage,
            imagePullPolicy: "IfNotPresent",
            // Listens on this port only, for HTTP and UDP.
            args: ["netexec", `--http-port=${port}`, `--udp-port=${port}`],
            ports: ports.map(({ name, protocol }) => ({
              containerPort: port,
              ...(protocol === "TCP" ? {} : { protocol }),
              ...(name === undefined ? {} : { name }),
            })),
            readinessProbe: { httpGet: { path: "/healthz", port }, periodSeconds: 1 },
          })),
        },
      },
    },
  };
}

/** A user's object that can be applied again: without fields set by its cluster. */
export function bare(o: SourceObject): SourceObject {
  const { labels, namespace, name } = o.metadata;
  const annotations = Object.fromEntries(
    Object.entries(o.metadata.annotations ?? {}).filter(([key]) => !key.startsWith("kubectl.kubernetes.io/")),
  );
  const metadata = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined || labels === null ? {} : { labels }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
  const head = { apiVersion: o.apiVersion ?? "v1", kind: o.kind ?? "", metadata };
  if (o.kind === "Namespace" || o.kind === "ServiceExport") return head;
  const { spec, specs } = o;
  if (o.kind !== "Service")
    return { ...head, ...(spec === undefined ? {} : { spec }), ...(specs === undefined ? {} : { specs }) };
  const { clusterIP, ports, ...rest } = (spec ?? {}) as Record<string, unknown>;
  return {
    ...head,
    spec: {
      ...Object.fromEntries(Object.entries(rest).filter(([key]) => serviceKeeps.has(key))),
      // A headless service stays headless; the lab assigns all other addresses.
      ...(clusterIP === "None" ? { clusterIP } : {}),
      ...(ports === undefined
        ? {}
        : { ports: (ports as Record<string, unknown>[]).map(({ nodePort: _, ...p }) => p) }),
    },
  };
}

/** Fields of a service's spec set by the user; the others are addresses and ports assigned by a cluster. */
const serviceKeeps = new Set([
  "type",
  "selector",
  "externalName",
  "sessionAffinity",
  "sessionAffinityConfig",
  "internalTrafficPolicy",
  "externalTrafficPolicy",
  "publishNotReadyAddresses",
  "trafficDistribution",
  "ipFamilyPolicy",
  "ipFamilies",
]);

/** User-set fields of a service's spec that the lab does not keep. */
export function leftOut(o: SourceObject): string[] {
  if (o.kind !== "Service") return [];
  const given = new Set([
    ...["clusterIP", "clusterIPs", "ports"],
    ...["healthCheckNodePort", "allocateLoadBalancerNodePorts"],
  ]);
  const spec = (o.spec ?? {}) as Record<string, unknown>;
  const ports = (spec.ports ?? []) as { nodePort?: number }[];
  return [
    ...Object.keys(spec).filter((key) => !serviceKeeps.has(key) && !given.has(key)),
    ...(ports.some((p) => p.nodePort !== undefined) ? ["node ports by number"] : []),
  ];
}
