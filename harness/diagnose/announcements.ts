import { oncePer } from "#harness/lib/once-per.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Announcements, BgpAdvert, L2Policy, NodeDevice } from "#harness/model/announcements.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, NodeState, ServiceState } from "#harness/model/mesh-snapshot.ts";
import {
  announcesOn,
  bgpClass,
  consideredDevices,
  leaseOf,
  missingLabels,
  notAdvertised,
  selectsNode,
  selectsService,
} from "#harness/semantics/announcements.ts";
import { findingOf } from "./catalogue/index.ts";
import { answerOf, silenceOf } from "./contact-steps.ts";
import { ciliumNamespace, known, kubectl, nameOf, wholeConfig } from "./parts.ts";
import { type Contact, contacts } from "./peer-addresses.ts";
import { helmUpgrade, patch } from "./repairs.ts";

const app = "clustermesh-apiserver";

/**
 * Addresses of clustermesh-apiserver for which no node answers, because of Cilium's announcements. By BGP: nothing selects
 * the service (`getServiceAFPaths`, pkg/bgp/manager/reconciler/service.go@1.20.2). By L2: a node is elected among all that
 * a policy selects, whether it has a device of `interfaces` or not, and answers on those that it has (`desiredEntries`,
 * pkg/l2announcer/l2announcer.go@1.20.2; https://github.com/davealtena/homelab/pull/1078).
 */
export const announcements = oncePer((mesh: MeshSnapshot): Finding[] =>
  mesh.clusters.flatMap((cluster) => {
    const { announcements } = cluster;
    if (announcements?.ok !== true || wholeConfig(cluster) === undefined) return [];
    const { policies, bgp, ...rest } = announcements.value;
    return announcedServices(cluster).flatMap((service) => {
      const judged = { cluster, service, policies: policies ?? [], ...rest };
      const byL2 = policies === undefined ? undefined : reasonOf(judged);
      const reason = isOn(cluster, bgpKey)
        ? reasonOfBgp(judged, { adverts: bgp, areRead: policies !== undefined })
        : byL2;
      return reason === undefined ? [] : unanswered(mesh, { cluster, service, reason });
    });
  }),
);

const settingsOf = (cluster: ClusterSnapshot): Readonly<Record<string, string>> => wholeConfig(cluster) ?? {};

const bgpKey = "enable-bgp-control-plane";
const l2Key = "enable-l2-announcements";
const isOn = (cluster: ClusterSnapshot, key: string): boolean => settingsOf(cluster)[key] === "true";

/** Classes of Cilium itself, by what is on. */
const classesOf = (cluster: ClusterSnapshot): readonly (string | undefined)[] => [
  undefined,
  ...(isOn(cluster, bgpKey) ? [bgpClass] : ["io.cilium/l2-announcer"]),
];

/** Those with an address of LB IPAM that only Cilium's announcements may announce: no class of another. */
function announcedServices(cluster: ClusterSnapshot): ServiceState[] {
  const classes = classesOf(cluster);
  return known(cluster.services).filter(
    ({ name, selector, type, loadBalancerIp, balancer }) =>
      (name === app || selector["k8s-app"] === app) &&
      type === "LoadBalancer" &&
      loadBalancerIp !== "" &&
      balancer?.isFromCilium === true &&
      classes.includes(balancer.className),
  );
}

interface Reason {
  /** Why nobody answers. */
  readonly why: string;
  readonly next: string;
}

interface Judged extends Pick<Announcements, "leases"> {
  readonly policies: readonly L2Policy[];
  readonly cluster: ClusterSnapshot;
  readonly service: ServiceState;
}

const titleOf = (policy: L2Policy): string => `CiliumL2AnnouncementPolicy ${policy.name}`;
const objectOf = (policy: L2Policy): string => `ciliuml2announcementpolicy/${policy.name}`;

function reasonOf(judged: Judged): Reason | undefined {
  const { cluster, service, policies } = judged;
  if (policies.some((p) => selectsService(p, service) === undefined)) return undefined;
  const naming = policies.filter((p) => selectsService(p, service) === true);
  const selecting = naming.filter((p) => p.loadBalancerIps);
  const isL2On = isOn(cluster, l2Key);
  const [first] = selecting;
  if (first === undefined) return isL2On ? withoutPolicy(service, naming) : undefined;
  if (!isL2On)
    return {
      why: `${titleOf(first)} selects the service, and enable-l2-announcements is off in cilium-config`,
      next: helmUpgrade(cluster, "l2announcements.enabled=true"),
    };
  return onNodes(judged, selecting);
}

/** Where BGP is on, and L2 announcements are off or mean other services. */
function reasonOfBgp(
  { cluster, service, policies }: Judged,
  { adverts, areRead }: { readonly adverts: readonly BgpAdvert[] | undefined; readonly areRead: boolean },
): Reason | undefined {
  if (adverts === undefined) return undefined;
  const isByL2 = !areRead || policies.some((p) => selectsService(p, service) !== false);
  if (isOn(cluster, l2Key) && isByL2) return undefined;
  const why = notAdvertised(adverts, service);
  if (why === undefined) return undefined;
  const labels = missingLabels(adverts);
  return {
    why,
    next:
      labels.length === 0
        ? `create a CiliumBGPAdvertisement of type Service with addresses LoadBalancerIP whose selector matches service ${service.namespace}/${service.name}, or correct that of an existing one`
        : `${kubectl(service.namespace, "label", "--overwrite", `service/${service.name}`, ...labels)}; to keep it, set clustermesh.apiserver.service.labels in the Helm values too`,
  };
}

/** It has an address of LB IPAM, which announces nothing itself. */
function withoutPolicy({ namespace, name, labels }: ServiceState, naming: readonly L2Policy[]): Reason {
  const [policy] = naming;
  if (policy !== undefined)
    return {
      why: `${titleOf(policy)} selects the service, and its loadBalancerIPs is not true`,
      next: patch("", objectOf(policy), { spec: { loadBalancerIPs: true } }),
    };
  const own = Object.entries(labels ?? {}).find(([key]) => key === "k8s-app");
  return {
    why: "no CiliumL2AnnouncementPolicy selects the service, so no node announces it",
    next: `create a CiliumL2AnnouncementPolicy with loadBalancerIPs true whose serviceSelector matches service ${namespace}/${name}${own === undefined ? "" : ` (its label ${own.join("=")})`}, or correct that of an existing one`,
  };
}

interface Elected {
  readonly policy: L2Policy;
  readonly node: NodeState;
  /** Undefined where they are not known. */
  readonly devices: readonly NodeDevice[] | undefined;
}

function devicesOf(cluster: ClusterSnapshot, node: string): readonly NodeDevice[] | undefined {
  const read = cluster.nodeStates.find((n) => n.node === node)?.neighbours;
  const devices = read?.ok === true ? read.value.devices : undefined;
  return devices === undefined ? undefined : consideredDevices(devices, settingsOf(cluster));
}

function onNodes({ cluster, service, leases }: Judged, policies: readonly L2Policy[]): Reason | undefined {
  const nodes = known(cluster.nodes);
  const pairs = policies.flatMap((policy) => nodes.map((node) => ({ policy, node })));
  if (pairs.length === 0 || pairs.some((p) => selectsNode(p.policy, p.node.labels) === undefined))
    return undefined;
  const elected: Elected[] = pairs
    .filter((p) => selectsNode(p.policy, p.node.labels))
    .map((p) => ({ ...p, devices: devicesOf(cluster, p.node.name) }));
  const [policy] = policies;
  if (elected.length === 0 && policy !== undefined)
    return {
      why: `the nodeSelector of ${policies.map(titleOf).join(" and ")} selects no node of ${cluster.name}`,
      next: `correct its nodeSelector: ${kubectl("", "get", objectOf(policy), "-o", "yaml")}`,
    };
  const own = ciliumNamespace(cluster);
  const lease = leases?.find((l) => l.namespace === own && l.name === leaseOf(service));
  const holder = lease?.holder ?? "";
  const holding = elected.filter((e) => e.node.name === holder);
  const judgedOn = holding.length > 0 ? holding : elected;
  const isSilent = judgedOn.every((e) => e.devices !== undefined && !announcesOn(e.policy, e.devices));
  if (isSilent) return withoutDevice(cluster, judgedOn, holding.length > 0);
  // Where no lease of that namespace was read, this one may exist.
  if (holder !== "" || leases?.some((l) => l.namespace === own) !== true) return undefined;
  return {
    why: `no node holds the lease ${own}/${leaseOf(service)}, though ${policies.map(titleOf).join(" and ")} selects the service`,
    next: `see why no agent takes it: ${kubectl(own, "logs", "daemonset/cilium", "-c", "cilium-agent")}; agents need the right to write leases in ${own}, which the Helm value l2announcements.enabled gives them`,
  };
}

/** The devices with the addresses by which the nodes are known, as patterns. */
function patternsFor(elected: readonly Elected[]): string[] {
  const names = elected.flatMap(({ node, devices = [] }) =>
    devices.filter((d) => d.ips.includes(node.address)).map((d) => d.name),
  );
  return [...new Set(names)].map((name) => `^${name.replaceAll(".", "\\.")}$`);
}

function withoutDevice(
  cluster: ClusterSnapshot,
  elected: readonly Elected[],
  isHolder: boolean,
): Reason | undefined {
  const [first] = elected;
  if (first === undefined) return undefined;
  const policies = [...new Map(elected.map((e) => [e.policy.name, e.policy])).values()];
  const nodes = [...new Map(elected.map((e) => [e.node.name, e])).values()];
  const listed = shortList(
    nodes.map(
      ({ node, devices = [] }) =>
        `${node.name} has ${
          devices.length === 0
            ? "none"
            : shortList(
                devices.map((d) => d.name),
                3,
              )
        }`,
    ),
    3,
  );
  const named = policies.map((p) => `${titleOf(p)} names the interfaces ${p.interfaces.join(", ")}`);
  const patterns = patternsFor(nodes);
  const steps = policies.map((p) =>
    patch("", objectOf(p), { spec: { interfaces: patterns.length === 0 ? null : patterns } }),
  );
  const whose = isHolder
    ? `${first.node.name}, which holds the lease, announces nothing`
    : `no node of ${cluster.name} that it selects announces anything`;
  return {
    why: `${named.join(", ")}, and ${whose} (${listed})`,
    next: `${steps.join("; ")}; without interfaces, every device of the node counts`,
  };
}

interface Unanswered {
  readonly cluster: ClusterSnapshot;
  readonly service: ServiceState;
  readonly reason: Reason;
}

/** Broken where a peer contacts the address and nothing answers; nothing where something answers, or nobody asks. */
function unanswered(mesh: MeshSnapshot, { cluster, service, reason }: Unanswered): Finding[] {
  const ip = service.loadBalancerIp;
  const asking = mesh.clusters
    .filter((other) => other !== cluster)
    .flatMap((other) => contacts(other).map((contact) => ({ other, contact })))
    .filter(({ contact }) => [cluster.name, nameOf(cluster)].includes(contact.peer));
  const there = asking.filter(({ contact }) => contact.addresses.includes(ip));
  if (asking.length > 0 && there.length === 0) return [];
  const isAnswered = there.some(
    ({ other, contact }) => contact.ready === false && answerOf(other, contact, ip) === "answered",
  );
  if (isAnswered) return [];
  const who = there.flatMap(({ other, contact }) => lostBy({ contact, other, peer: cluster }, ip) ?? []);
  const effect = who.length === 0 ? "" : `; ${who.join(", ")}`;
  const title = `service ${service.namespace}/${service.name} of ${cluster.name}`;
  return [
    findingOf("apiserver-not-announced", {
      // One that is connected there shows that something answers.
      severity: who.length > 0 && who.length === there.length ? "broken" : "suspect",
      cluster: cluster.name,
      subject: title,
      message: `no node announces ${ip}, the address of ${title}: ${reason.why}${effect}`,
      next: reason.next,
    }),
  ];
}

interface Asking {
  readonly contact: Contact;
  readonly other: ClusterSnapshot;
  readonly peer: ClusterSnapshot;
}

function lostBy({ contact, other, peer }: Asking, ip: string): string | undefined {
  const silence = silenceOf(other, contact, ip);
  const verb = contact.who === "KVStoreMesh" ? "contacts" : "contact";
  return silence === undefined
    ? undefined
    : `${contact.who} of ${other.name} ${verb} ${peer.name} there, and ${silence}`;
}
