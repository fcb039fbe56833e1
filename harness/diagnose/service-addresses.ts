import { type Cidr, contains, networkOf, parseCidr, usualRange } from "#harness/lib/cidr.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { known, nameOf } from "./parts.ts";

const shown = 3;

/** An address at which a cluster serves a service. */
interface Served {
  readonly ip: string;
  /** `shop/cart`. */
  readonly service: string;
  readonly isClusterIp: boolean;
}

/**
 * Addresses of services of one cluster that are addresses of pods of another (cilium#13766). Agents serve ClusterIPs with
 * kube-proxy replacement and without (`isDatapathCandidate`, pkg/loadbalancer/reconciler/bpf_reconciler.go@1.20.2).
 */
export function serviceAddresses(mesh: MeshSnapshot): Finding[] {
  const networks = mesh.clusters.map(networkOfPods);
  return mesh.clusters.flatMap((cluster) => {
    const served = servedBy(cluster);
    return networks.flatMap((of) => (of.peer === cluster ? [] : between(cluster, of, served)));
  });
}

/** Where the pods of a cluster are. */
interface PodNetwork {
  readonly peer: ClusterSnapshot;
  readonly pods: ReadonlyMap<string, string>;
  /** Of every node. */
  readonly cidrs: readonly Cidr[];
  /** Few that hold them all: most addresses of services are in none of these. */
  readonly around: readonly Cidr[];
}

function networkOfPods(peer: ClusterSnapshot): PodNetwork {
  const texts = known(peer.ciliumNodes).flatMap((n) => n.podCidrs.flatMap((text) => networkOf(text) ?? []));
  return { peer, pods: podsOf(peer), cidrs: texts.map(parseCidr), around: usualRange(texts).map(parseCidr) };
}

function servedBy({ services }: ClusterSnapshot): Served[] {
  return known(services).flatMap(({ namespace, name, type, clusterIp, clusterIps = [], addresses = [] }) => {
    if (type === "ExternalName") return [];
    const own = new Set([clusterIp, ...clusterIps]);
    return [...new Set([...own, ...addresses])]
      .filter((ip) => ip !== "" && ip !== "None")
      .map((ip) => ({ ip, service: `${namespace}/${name}`, isClusterIp: own.has(ip) }));
  });
}

/** The addresses of a cluster's pods, by address; not those in the network of their node. */
const podsOf = ({ pods, ciliumEndpoints }: ClusterSnapshot): ReadonlyMap<string, string> =>
  new Map([
    ...known(ciliumEndpoints).map((e) => [e.ip, `${e.namespace}/${e.name}`] as const),
    ...known(pods)
      .filter((p) => !p.hostNetwork && p.ended !== true && p.ip !== "")
      .flatMap((p) => (p.ips ?? [p.ip]).map((ip) => [ip, `${p.namespace}/${p.name}`] as const)),
  ]);

function between(
  cluster: ClusterSnapshot,
  { peer, pods, cidrs, around }: PodNetwork,
  served: readonly Served[],
): Finding[] {
  const taken = served.flatMap((s) => {
    const pod = pods.get(s.ip);
    return pod === undefined ? [] : [{ ...s, pod }];
  });
  const inside = served
    .filter((s) => s.isClusterIp && around.some((c) => contains(c, s.ip)))
    .filter((s) => cidrs.some((c) => contains(c, s.ip)));
  const [first] = taken;
  if (first === undefined && inside.length === 0) return [];
  const [own, its] = [nameOf(cluster), nameOf(peer)];
  const overlap =
    inside.length === 0
      ? ""
      : `${inside.length === 1 ? "a ClusterIP" : `${inside.length} ClusterIPs`} of ${own} ${inside.length === 1 ? "is" : "are"} in pod CIDRs of ${its} (${shortList(overlapping(cidrs, inside), shown)})`;
  const next = `service CIDRs and pod CIDRs of all clusters must be disjoint: install ${own} with another service CIDR, or ${its} with other pod CIDRs`;
  const at = { cluster: cluster.name, subject: `services of ${own} and pods of ${its}` };
  if (first === undefined)
    return [
      findingOf("service-address-of-pods", {
        ...{ ...at, severity: "suspect" as const, next },
        message: `${overlap}: a pod there that gets the address of a service cannot be reached from ${own}`,
      }),
    ];
  const listed = taken.map(
    (t) => `service ${t.service} of ${own} has ${t.ip}, which pod ${t.pod} of ${its} has`,
  );
  return [
    findingOf("service-address-of-pods", {
      ...at,
      message: `${shortList(listed, shown)}: ${own} serves that address itself, so nothing there reaches the pod${overlap === "" ? "" : `; ${overlap}`}`,
      next: first.isClusterIp
        ? `${next}; until then, delete service ${first.service} of ${own} and create it anew, so that it gets another address`
        : `give service ${first.service} of ${own} another address, and keep the addresses of load balancers out of pod CIDRs`,
    }),
  ];
}

const overlapping = (cidrs: readonly Cidr[], inside: readonly Served[]): string[] =>
  cidrs.filter((c) => inside.some((s) => contains(c, s.ip))).map((c) => c.text);
