import { type Cidr, contains, hostPort, networkOf, parseCidr } from "#harness/lib/cidr.ts";
import { oncePer } from "#harness/lib/once-per.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, ServiceState } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { answerOf, silenceOf } from "./contact-steps.ts";
import { ciliumNamespace, known, nameOf, wholeConfig } from "./parts.ts";
import { type Contact, contacts } from "./peer-addresses.ts";
import { patch } from "./repairs.ts";

const app = "clustermesh-apiserver";
const policyKey = "service.cilium.io/src-ranges-policy";

/**
 * `loadBalancerSourceRanges` of clustermesh-apiserver's Service that leave out what a peer comes from. They hold at the
 * addresses of load balancers and at `externalIPs`, and at node ports only with bpf-lb-source-range-all-types; the
 * annotation src-ranges-policy `deny` turns them round (Documentation/network/kubernetes/kubeproxy-free.rst@1.20.2,
 * LoadBalancer Source Ranges). What is not admitted is dropped without an answer (DROP_NOT_IN_SRC_RANGE, bpf/lib/lb.h).
 */
export const sourceRanges = oncePer((mesh: MeshSnapshot): Finding[] =>
  mesh.clusters.flatMap((cluster) =>
    known(cluster.services)
      .filter((s) => s.name === app || s.selector["k8s-app"] === app)
      .flatMap((service) => {
        const ranges = rangesOf(service);
        if (ranges === undefined) return [];
        return mesh.clusters
          .filter((other) => other !== cluster)
          .flatMap((other) =>
            contacts(other)
              .filter((contact) => [cluster.name, nameOf(cluster)].includes(contact.peer))
              .flatMap((contact) => judged({ cluster, service, ranges, other, contact })),
          );
      }),
  ),
);

interface Ranges {
  readonly cidrs: readonly Cidr[];
  readonly isDeny: boolean;
}

/** Ranges that are none are ignored. */
function rangesOf({ type, balancer, annotations }: ServiceState): Ranges | undefined {
  if (type !== "LoadBalancer") return undefined;
  const cidrs = (balancer?.sourceRanges ?? []).flatMap((range) => {
    const network = networkOf(range);
    return network === undefined ? [] : [parseCidr(network)];
  });
  return cidrs.length === 0 ? undefined : { cidrs, isDeny: annotations[policyKey]?.toLowerCase() === "deny" };
}

interface Contacting {
  readonly cluster: ClusterSnapshot;
  readonly service: ServiceState;
  readonly ranges: Ranges;
  /** The peer that contacts it. */
  readonly other: ClusterSnapshot;
  readonly contact: Contact;
}

function judged(contacting: Contacting): Finding[] {
  const { cluster, service, ranges, other, contact } = contacting;
  const [at] = guardedAddresses(contacting);
  if (at === undefined || answerOf(other, contact, at.ip) === "answered") return [];
  const silence = silenceOf(other, contact, at.ip);
  const isNow = silence !== undefined;
  const sources = sourcesOf(other, contact, { toward: at.ip, isNow });
  const admits = (ip: string): boolean => ranges.cidrs.some((c) => contains(c, ip)) !== ranges.isDeny;
  if (sources.ips.length === 0 || sources.ips.some(admits)) return [];
  // Between a private address and a public one somebody translates: what arrives has another source.
  if (sources.ips.some(isPrivate) !== isPrivate(at.ip)) return [];
  const title = `service ${service.namespace}/${service.name} of ${cluster.name}`;
  const listed = shortList(
    ranges.cidrs.map((c) => c.text),
    5,
  );
  const comes = contact.who === "KVStoreMesh" ? "comes" : "come";
  const effect = isNow
    ? `it is dropped at ${hostPort(at)} without an answer`
    : `a new connection to ${hostPort(at)} is dropped, unless something in between changes its source`;
  return [
    findingOf("apiserver-source-ranges", {
      severity: isNow && at.isOnly && sources.isCertain ? "broken" : "suspect",
      cluster: cluster.name,
      subject: `${title} for ${other.name}`,
      message: `loadBalancerSourceRanges of ${title} ${ranges.isDeny ? "deny" : "admit only"} ${listed}, and ${contact.who} of ${other.name} ${comes} from ${shortList(sources.ips, 5)} (${sources.why}): ${effect}${silence === undefined ? "" : `, and ${silence}`}`,
      next: remedy(contacting, at.ip, sources),
    }),
  ];
}

interface RangedAddress {
  readonly ip: string;
  readonly port: number;
  /** Whether the peer has no other address of the service. */
  readonly isOnly: boolean;
}

/** The contacted addresses at which the ranges hold. */
function guardedAddresses({ cluster, service, contact }: Contacting): RangedAddress[] {
  const own = new Set([service.clusterIp, ...(service.clusterIps ?? [])]);
  const outer = (service.addresses ?? []).filter((ip) => !own.has(ip));
  const nodes = new Set([
    ...known(cluster.nodes).map((n) => n.address),
    ...known(cluster.ciliumNodes).flatMap((n) => (n.addresses ?? []).map((a) => a.ip)),
  ]);
  const isEverywhere = wholeConfig(cluster)?.["bpf-lb-source-range-all-types"] === "true";
  const balanced = new Set((service.ports ?? []).flatMap((p) => p.port ?? []));
  const holds = (ip: string, port: number): boolean => {
    if (nodes.has(ip)) return isEverywhere && service.outerPorts?.includes(port) === true;
    // A load balancer with a host name has addresses that the API does not show.
    const isIts = outer.includes(ip) || (outer.length === 0 && service.loadBalancerName !== undefined);
    return isIts && balanced.has(port);
  };
  const all = [...new Set(contact.addresses)].flatMap((ip) => contact.ports.map((port) => ({ ip, port })));
  const found = all.filter(({ ip, port }) => holds(ip, port));
  return found.map((f) => ({ ...f, isOnly: found.length === all.length }));
}

interface Sources {
  readonly ips: readonly string[];
  readonly why: string;
  /** False where a setting that is not in the evidence may choose another address. */
  readonly isCertain: boolean;
  /** Whether pods are to be admitted, instead of nodes. */
  readonly arePods: boolean;
}

const internal = /^CiliumInternalIP$/;
const sameFamily = (toward: string) => (ip: string) => ip !== "" && ip.includes(":") === toward.includes(":");

/** All addresses of some nodes, or of all. */
function nodeAddresses(cluster: ClusterSnapshot, names?: readonly string[]): string[] {
  const isNamed = (name: string): boolean => names === undefined || names.includes(name);
  return [
    ...new Set([
      ...known(cluster.nodes)
        .filter((n) => isNamed(n.name))
        .map((n) => n.address),
      ...known(cluster.ciliumNodes)
        .filter((n) => isNamed(n.name))
        .flatMap((n) => (n.addresses ?? []).filter((a) => !internal.test(a.type)).map((a) => a.ip)),
    ]),
  ];
}

/**
 * Whether what pods send to an address leaves with the address of their node: unless the native routing CIDR, in any
 * routing mode, has it (`RemoteSNATDstAddrExclusionCIDRv4`, pkg/datapath/types/config.go@1.17). Undefined with
 * ip-masq-agent, whose list is in a ConfigMap of its own.
 */
function isMasqueraded(cluster: ClusterSnapshot, toward: string): boolean | undefined {
  const settings = wholeConfig(cluster) ?? {};
  const family = toward.includes(":") ? "ipv6" : "ipv4";
  if (settings[`enable-${family}-masquerade`] === "false") return false;
  const range = networkOf(settings[`${family}-native-routing-cidr`] ?? "");
  if (range !== undefined && contains(parseCidr(range), toward)) return false;
  return settings["enable-ip-masq-agent"] === "true" ? undefined : true;
}

/** Where it runs now; of one that is connected all nodes, because it may run on any. */
function sourcesOf(
  cluster: ClusterSnapshot,
  { who }: Contact,
  { toward, isNow }: { readonly toward: string; readonly isNow: boolean },
): Sources {
  const is = sameFamily(toward);
  const namespace = ciliumNamespace(cluster);
  const pods = known(cluster.pods).filter(
    (p) => p.namespace === namespace && p.labels["k8s-app"] === app && p.ended !== true && !p.ending,
  );
  const isHost = who !== "KVStoreMesh" || pods.some((p) => p.hostNetwork);
  const isPods = who === "KVStoreMesh" && pods.length > 0 && isNow;
  const nodes = nodeAddresses(cluster, isPods ? pods.map((p) => p.node) : undefined).filter(is);
  if (isHost)
    return {
      ips: nodes,
      why: "addresses of its nodes, whose network it uses",
      isCertain: true,
      arePods: false,
    };
  const ofPods = pods.flatMap((p) => p.ips ?? [p.ip]).filter(is);
  const masqueraded = isMasqueraded(cluster, toward);
  const isGateway = ["enable-egress-gateway", "enable-ipv4-egress-gateway"].some(
    (key) => wholeConfig(cluster)?.[key] === "true",
  );
  const isCertain = masqueraded !== undefined && !isGateway;
  if (masqueraded === false)
    return { ips: ofPods, why: "its pods, which are not masqueraded", isCertain, arePods: true };
  const why = `addresses of its nodes, because ${cluster.name} masquerades what its pods send there`;
  return masqueraded === true
    ? { ips: nodes, why, isCertain, arePods: false }
    : { ips: [...nodes, ...ofPods], why: "its nodes and pods", isCertain, arePods: false };
}

const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"].map(
  parseCidr,
);
const isPrivate = (ip: string): boolean => privateRanges.some((range) => contains(range, ip));

/** The ranges with all nodes of the peer, or its pod CIDRs; of a deny list without those that hold them. */
function remedy({ cluster, service, ranges, other }: Contacting, toward: string, sources: Sources): string {
  const is = sameFamily(toward);
  const listed = service.balancer?.sourceRanges ?? [];
  const single = toward.includes(":") ? "/128" : "/32";
  const its = sources.arePods
    ? known(other.ciliumNodes)
        .flatMap((n) => n.podCidrs)
        .filter(is)
    : nodeAddresses(other)
        .filter(is)
        .map((ip) => `${ip}${single}`);
  const denied = ranges.cidrs.filter((c) => sources.ips.some((ip) => contains(c, ip)));
  const kept = ranges.isDeny
    ? listed.filter((range) => !denied.some((c) => c.text === networkOf(range)))
    : [...listed, ...its];
  const value = "clustermesh.apiserver.service.loadBalancerSourceRanges";
  const lasting = `set ${value} of ${cluster.name} to the same in the Helm values, or the next upgrade of Cilium sets the old ranges again`;
  // Of many nodes only a range of their network is of use.
  if (its.length > 20)
    return `add the range of the ${sources.arePods ? "pods" : "nodes"} of ${other.name} to ${value} of ${cluster.name}`;
  const spec = { loadBalancerSourceRanges: kept.length === 0 ? null : kept };
  return `${patch(service.namespace, `service/${service.name}`, { spec })}; ${lasting}`;
}
