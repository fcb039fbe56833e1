import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, EventState, MeshSnapshot, PodState } from "#harness/model/mesh-snapshot.ts";
import { podStartCause, type StartCause } from "#harness/semantics/pod-start.ts";
import { findingOf } from "./catalogue/index.ts";
import { ciliumNamespace, known, kubectl } from "./parts.ts";

/** Pods of users that cannot start. Those of Cilium and CoreDNS are the control plane's. */
export function podStarts(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    known(cluster.pods)
      .filter((p) => !["kube-system", ciliumNamespace(cluster)].includes(p.namespace))
      .flatMap((pod) => {
        const cause = startCauseOf(cluster, pod);
        if (cause === undefined) return [];
        return [
          findingOf("workload-pod-cannot-start", {
            cluster: cluster.name,
            subject: `pod ${pod.namespace}/${pod.name} of ${cluster.name}`,
            message: `pod ${pod.namespace}/${pod.name} of ${cluster.name} ${cause.what}`,
            next: nextFor(cause, pod),
          }),
        ];
      }),
  );
}

export const eventsOf = (cluster: ClusterSnapshot): readonly EventState[] =>
  cluster.events === undefined ? [] : known(cluster.events);

export const startCauseOf = (cluster: ClusterSnapshot, pod: PodState): StartCause | undefined =>
  podStartCause(pod, eventsOf(cluster));

/** What the chart makes, by the names of its objects. */
const makers: readonly (readonly [RegExp, string])[] = [
  [
    /^clustermesh-apiserver-\w+-cert$|^cilium-ca$/,
    "let the method of clustermesh.apiserver.tls.auto make it: `helm upgrade`, the job clustermesh-apiserver-generate-certs, or cert-manager",
  ],
  [/^clustermesh-remote-users$/, "let `helm upgrade` make it, with clustermesh.config.enabled true"],
  [/^cilium-(clustermesh|kvstoremesh)$/, "let `helm upgrade` or `cilium clustermesh connect` make it"],
  [/^cilium-config$/, "let `helm upgrade` make it"],
  [/^cilium-ipsec-keys$/, "create it as Cilium's guide to IPsec says, with the key of the other clusters"],
];

export function nextFor(
  { missing }: StartCause,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): string {
  const describe = kubectl(namespace, "describe", `pod/${name}`);
  if (missing === undefined) return describe;
  const made =
    makers.find(([pattern]) => pattern.test(missing.name))?.[1] ?? "create it, or correct its name";
  return `${kubectl(namespace, "get", `${missing.kind.toLowerCase()}/${missing.name}`)}; ${made}`;
}
