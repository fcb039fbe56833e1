import { affinityOf, isGlobal, isShared } from "./annotations.ts";

interface DnsSide {
  readonly cluster: string;
  /** Of Cilium. */
  readonly version?: string | undefined;
  readonly service: {
    readonly namespace: string;
    readonly name: string;
    readonly annotations: Readonly<Record<string, string>>;
    readonly selector?: Readonly<Record<string, string>>;
  };
}

/** The names of Kubernetes' own manifests and of OpenShift; k3s, RKE2 and the chart of CoreDNS keep the label. */
const isDnsService = ({ namespace, name, selector = {} }: DnsSide["service"]): boolean =>
  ["kube-system/kube-dns", "kube-system/coredns", "openshift-dns/dns-default"].includes(
    `${namespace}/${name}`,
  ) || ["kube-dns", "coredns"].includes(selector["k8s-app"] ?? "");

/** What is wrong with a DNS service that several clusters join. */
export interface SharedDns {
  readonly what: string;
  /** Other clusters answer only where a cluster has no DNS pod of its own. */
  readonly isFallback: boolean;
}

/**
 * Clusters' own DNS as a global service (cilium issues 27578 and 40631): CoreDNS answers for the Services of its own API
 * server, so the same name has another ClusterIP, or none, with each answer. `sides`: one service in each cluster.
 */
export function sharedDns(sides: readonly DnsSide[]): SharedDns | undefined {
  const joined = sides.filter(({ service }) => isGlobal(service.annotations) && isDnsService(service));
  const asking = joined
    .filter((s) => joined.some((o) => o !== s && isShared(o.service.annotations)))
    .map((s) => ({ cluster: s.cluster, affinity: affinityOf(s.service.annotations, s.version) }))
    .filter(({ affinity }) => affinity !== "own");
  if (asking.length === 0) return undefined;
  const namesOf = (of: readonly { readonly cluster: string }[]): string =>
    of.map((s) => s.cluster).join(" and ");
  const local = asking.filter(({ affinity }) => affinity === "local");
  const always = asking.filter(({ affinity }) => affinity !== "local");
  const kept = `affinity "local" keeps queries of ${namesOf(local)} there as long as a DNS pod of its own is ready`;
  const more = local.length === 0 ? "" : ` (${kept})`;
  const answered =
    always.length === 0
      ? `${kept}; without one, DNS pods of another cluster answer`
      : `DNS pods of another cluster answer queries of ${namesOf(always)} too${more},`;
  return {
    what: `is the cluster's own DNS, and global in ${namesOf(joined)}: ${answered} with ClusterIPs of their own cluster, or that a name does not exist`,
    isFallback: always.length === 0,
  };
}
