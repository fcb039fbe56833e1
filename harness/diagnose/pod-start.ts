import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, EventState, MeshSnapshot, PodState } from "#harness/model/mesh-snapshot.ts";
import { podStartCause, type StartCause } from "#harness/semantics/pod-start.ts";
import { findingOf } from "./catalogue/index.ts";
import { exhaustedFor, moreAddresses } from "./exhausted-nodes.ts";
import { ciliumNamespace, known, kubectl } from "./parts.ts";
import { helmUpgrade, replaceApiserver } from "./repairs.ts";

/** Pods of users that cannot start. Those of Cilium and CoreDNS are the control plane's. */
export function podStarts(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    known(cluster.pods)
      .filter((p) => !["kube-system", ciliumNamespace(cluster)].includes(p.namespace))
      .flatMap((pod) => {
        const cause = startCauseOf(cluster, pod);
        // A node without addresses is named with its pods.
        if (cause === undefined || exhaustedFor(cluster, pod) !== undefined) return [];
        return [
          findingOf("workload-pod-cannot-start", {
            cluster: cluster.name,
            subject: `pod ${pod.namespace}/${pod.name} of ${cluster.name}`,
            message: `pod ${pod.namespace}/${pod.name} of ${cluster.name} ${cause.what}`,
            next: nextFor(cluster, cause, pod),
          }),
        ];
      }),
  );
}

export const eventsOf = (cluster: ClusterSnapshot): readonly EventState[] => known(cluster.events);

export const startCauseOf = (cluster: ClusterSnapshot, pod: PodState): StartCause | undefined =>
  podStartCause(pod, eventsOf(cluster));

interface Maker {
  readonly object: RegExp;
  /** Whether the chart writes it at every upgrade. */
  readonly isCharts: boolean;
  readonly note: string;
}

/** What makes Cilium's own objects, by their names. */
const makers: readonly Maker[] = [
  {
    object: /^clustermesh-apiserver-\w+-cert$|^cilium-ca$/,
    isCharts: true,
    note: "so with clustermesh.apiserver.tls.auto.method helm or cronJob; cert-manager makes it by itself, and certificates of your own are yours to create",
  },
  {
    object: /^clustermesh-remote-users$/,
    isCharts: true,
    note: "it needs clustermesh.config.enabled true and an authMode other than legacy",
  },
  {
    object: /^cilium-(clustermesh|kvstoremesh)$/,
    isCharts: true,
    note: "so with the peers in clustermesh.config.clusters; otherwise `cilium clustermesh connect` makes it",
  },
  { object: /^cilium-config$/, isCharts: true, note: "the chart makes it" },
  {
    object: /^cilium-ipsec-keys$/,
    isCharts: false,
    note: "create it as Cilium's guide to IPsec says, with the key of the other clusters",
  },
];

export function nextFor(
  cluster: ClusterSnapshot,
  { missing }: StartCause,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): string {
  const exhausted = exhaustedFor(cluster, { namespace, name });
  if (exhausted !== undefined) return moreAddresses(cluster, exhausted);
  const describe = kubectl(namespace, "describe", `pod/${name}`);
  if (missing === undefined) return describe;
  const isOfCilium = namespace === ciliumNamespace(cluster);
  const maker = isOfCilium ? makers.find((m) => m.object.test(missing.name)) : undefined;
  const look = kubectl(namespace, "get", `${missing.kind.toLowerCase()}/${missing.name}`);
  if (maker?.isCharts !== true) return `${look}; ${maker?.note ?? "create it, or correct its name"}`;
  // kubelet would try to mount it again only after minutes.
  const replace = name.startsWith("clustermesh-apiserver") ? `${replaceApiserver(cluster)}; ` : "";
  return `let Helm make it: ${helmUpgrade(cluster)}; ${replace}${maker.note}`;
}
