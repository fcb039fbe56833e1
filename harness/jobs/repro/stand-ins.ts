import { isEnded } from "#harness/kube/conditions.ts";
import { standInImage } from "#harness/lab/manifests.ts";
import type { SourceCluster, SourceObject } from "#harness/model/source-environment.ts";

/** Maximum replicas of a stand-in: more of them would show nothing new. */
export const mostReplicas = 3;

/** Namespaces that exist in every cluster. */
const ownNamespaces = /^(kube-.*|cilium-secrets|default|local-path-storage)$/;

export const isUsers = (o: SourceObject): boolean =>
  !ownNamespaces.test(o.metadata.namespace ?? o.metadata.name);

/** Pods of one workload, and the properties of their stand-in. */
export interface Workload {
  readonly namespace: string;
  readonly name: string;
  readonly replicas: number;
  readonly labels: Readonly<Record<string, string>>;
  /** As the pod declares them: a service may refer to one by name. */
  readonly ports: readonly { readonly port: number; readonly name?: string }[];
}

/** Labels that Kubernetes sets on the pods of a workload. */
const generated =
  /^(pod-template-hash|controller-revision-hash|pod-template-generation|statefulset\.kubernetes\.io\/pod-name|apps\.kubernetes\.io\/pod-index)$/;

/** The workloads behind a cluster's pods, by their owners. */
export function workloadsOf(cluster: SourceCluster): Workload[] {
  const pods = cluster.pods.filter(
    (p) => isUsers(p) && !isEnded(p.status?.phase) && p.spec?.hostNetwork !== true,
  );
  const groups = Map.groupBy(pods, (p) => `${p.metadata.namespace}/${ownerOf(p)}`);
  return [...groups.values()].map((group) => {
    const [first] = group as [SourceObject];
    const labels = Object.fromEntries(
      Object.entries(first.metadata.labels ?? {}).filter(([key]) => !generated.test(key)),
    );
    return {
      namespace: first.metadata.namespace ?? "default",
      name: ownerOf(first),
      replicas: group.length,
      // A Deployment needs a selector.
      labels: Object.keys(labels).length === 0 ? { "meshproof.local/stand-in": ownerOf(first) } : labels,
      ports: portsOf(first, cluster),
    };
  });
}

/** `cart-7d84cc4dd-lsgmn` of ReplicaSet `cart-7d84cc4dd` belongs to `cart`. */
function ownerOf(pod: SourceObject): string {
  const owner = pod.metadata.ownerReferences?.[0];
  const hash = pod.metadata.labels?.["pod-template-hash"];
  if (owner === undefined) return pod.metadata.name;
  return hash === undefined ? owner.name : owner.name.replace(new RegExp(`-${hash}$`), "");
}

const selects = (
  selector: Readonly<Record<string, string>> | undefined,
  labels: Readonly<Record<string, string>>,
): boolean =>
  selector !== undefined &&
  Object.keys(selector).length > 0 &&
  Object.entries(selector).every(([k, v]) => labels[k] === v);

/** Ports that the pod declares or that services target, by number or name. */
function portsOf(pod: SourceObject, cluster: SourceCluster): Workload["ports"] {
  const declared = (
    (pod.spec?.containers ?? []) as { ports?: { name?: string; containerPort: number }[] }[]
  ).flatMap((c) => c.ports ?? []);
  const sent = cluster.services
    .filter(
      (s) =>
        s.metadata.namespace === pod.metadata.namespace &&
        selects(s.spec?.selector, pod.metadata.labels ?? {}),
    )
    .flatMap((s) => (s.spec.ports ?? []) as { port: number; targetPort?: number | string }[])
    .map(({ port, targetPort = port }) =>
      typeof targetPort === "number"
        ? targetPort
        : declared.find((d) => d.name === targetPort)?.containerPort,
    )
    .filter((p) => p !== undefined);
  const all = [...new Set([...sent, ...declared.map((d) => d.containerPort)])].sort((a, b) => a - b);
  return (all.length === 0 ? [8080] : all).map((port) => {
    const name = declared.find((d) => d.containerPort === port)?.name;
    return { port, ...(name === undefined ? {} : { name }) };
  });
}

/**
 * An echo deployment with the same labels and ports: one container per port, each of which answers with its pod's name.
 */
export function standIn(w: Workload): SourceObject {
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
          containers: w.ports.map(({ port, ...named }) => ({
            name: `port-${port}`,
            image: standInImage,
            imagePullPolicy: "IfNotPresent",
            // Listens on this port only, for HTTP and UDP.
            args: ["netexec", `--http-port=${port}`, `--udp-port=${port}`],
            ports: [{ containerPort: port, ...named }],
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
    ...(labels === undefined ? {} : { labels }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
  const head = { apiVersion: o.apiVersion ?? "v1", kind: o.kind ?? "", metadata };
  if (o.kind === "Namespace") return head;
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
]);

/** User-set fields of a service's spec that the lab does not keep. */
export function leftOut(o: SourceObject): string[] {
  if (o.kind !== "Service") return [];
  const given = new Set([
    ...["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "ports"],
    ...["healthCheckNodePort", "allocateLoadBalancerNodePorts"],
  ]);
  const spec = (o.spec ?? {}) as Record<string, unknown>;
  const ports = (spec.ports ?? []) as { nodePort?: number }[];
  return [
    ...Object.keys(spec).filter((key) => !serviceKeeps.has(key) && !given.has(key)),
    ...(ports.some((p) => p.nodePort !== undefined) ? ["node ports by number"] : []),
  ];
}
