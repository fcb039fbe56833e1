import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, PodState, ServiceState } from "#harness/model/mesh-snapshot.ts";
import { isGlobal, isShared } from "#harness/semantics/annotations.ts";
import { changingAddresses } from "#harness/semantics/apart.ts";
import { isHeadless } from "#harness/semantics/cluster-objects.ts";
import { balancerFailure } from "./balancer-failures.ts";
import { type FindingId, findingOf } from "./catalogue/index.ts";
import { isDerived, known, kubectl, nameOf, slicesOf, unseenPeers } from "./parts.ts";
import { peerAddresses } from "./peer-addresses.ts";
import { nextFor, startCauseOf } from "./pod-start.ts";
import { lacksTargetPorts } from "./target-ports.ts";

const key = (s: { readonly namespace: string; readonly name: string }): string => `${s.namespace}/${s.name}`;

interface Side {
  readonly cluster: ClusterSnapshot;
  readonly service: ServiceState;
}

/** Backends of services: addresses that no pod has, sides without a ready backend, clients without any. */
export function services(mesh: MeshSnapshot): Finding[] {
  const found: Finding[] = [];
  const names = new Set(mesh.clusters.flatMap((c) => known(c.services).map(key)));
  const changing = changingAddresses(mesh);
  const pending = peerAddresses(mesh).filter((f) => f.id === "apiserver-without-address");
  for (const name of names) {
    const sides = mesh.clusters.flatMap((cluster) => {
      const service = known(cluster.services).find((s) => key(s) === name);
      return service === undefined ? [] : [{ cluster, service }];
    });
    const global = sides.some(({ service }) => isGlobal(service.annotations));
    const own = sides.flatMap((side) => ownBackends(side, { global, changing }));
    // Then its selector and its pods are right.
    const isExplained = own.length > 0 || sides.some(lacksTargetPorts);
    found.push(
      ...own.filter((f) => !isSaid(f, pending)),
      ...(isExplained ? [] : withoutBackend(mesh, name, sides)),
    );
  }
  return found;
}

/** Of clustermesh-apiserver, whom a peer contacts in vain. */
const isSaid = ({ id, subject }: Finding, pending: readonly Finding[]): boolean =>
  id === "service-without-address" && pending.some((f) => f.subject === subject);

/** Of the cluster's own EndpointSlices, without those that are mirrored from other clusters. */
export function readyBackends({ cluster, service }: Side): number | undefined {
  if (cluster.slices?.ok === true)
    return slicesOf(cluster, service)
      .filter((s) => !s.mirrored)
      .flatMap((s) => s.endpoints)
      .filter((e) => e.ready).length;
  if (!cluster.endpoints.ok) return undefined;
  return cluster.endpoints.value.filter(
    (e) => e.namespace === service.namespace && e.service === service.name && e.ready,
  ).length;
}

/** Clients of a global service without any backend: no ready one of their own, and none that is shared with them. */
function withoutBackend(mesh: MeshSnapshot, name: string, sides: readonly Side[]): Finding[] {
  if (mesh.clusters.some((c) => unseenPeers(mesh, c).size > 0 || !c.services.ok)) return [];
  const counted = sides.map((side) => ({ ...side, ready: readyBackends(side) }));
  if (counted.some((s) => s.ready === undefined)) return [];
  return counted.flatMap(({ cluster, service, ready = 0 }) => {
    const ignored = isDerived(service) || isHeadless(service) || service.type === "ExternalName";
    if (ready > 0 || ignored || !isGlobal(service.annotations)) return [];
    const others = counted.filter((o) => o.cluster !== cluster);
    if (others.some((o) => (o.ready ?? 0) > 0 && isShared(o.service.annotations))) return [];
    const kept = others.filter((o) => (o.ready ?? 0) > 0).map((o) => nameOf(o.cluster));
    const selector = Object.entries(service.selector).map(([k, v]) => `${k}=${v}`);
    // Where nobody selects anything, somebody writes the EndpointSlices by hand, or does not want any.
    if (kept.length === 0 && selector.length === 0) return [];
    const why =
      kept.length > 0
        ? `${kept.join(" and ")} has some and does not share them`
        : `no ready pod of any cluster is selected by ${selector.join(",")}`;
    return [
      findingOf("service-without-backend", {
        cluster: cluster.name,
        subject: `service ${name} of ${cluster.name}`,
        message: `clients of service ${name} in ${cluster.name} have no backend: ${why}`,
        next: `compare ${kubectl(service.namespace, "get", "pods", "--show-labels")} with the selector of the service, and its annotation service.cilium.io/shared`,
      }),
    ];
  });
}

function ownBackends(
  { cluster, service }: Side,
  { global, changing }: { readonly global: boolean; readonly changing: ReadonlySet<string> },
): Finding[] {
  if (!cluster.endpoints.ok || !cluster.pods.ok) return [];
  const found: Finding[] = [];
  const say = (id: FindingId, message: string, next: string): void =>
    void found.push(
      findingOf(id, {
        cluster: cluster.name,
        subject: `service ${key(service)} of ${cluster.name}`,
        message,
        next,
      }),
    );
  const mirrored = mirroredOnly({ cluster, service });
  const backends = cluster.endpoints.value.filter(
    (e) => e.namespace === service.namespace && e.service === service.name && !mirrored.has(e.ip),
  );
  const addresses = new Set(cluster.pods.value.map((p) => p.ip));
  const selects = Object.keys(service.selector).length > 0;
  for (const ip of new Set(backends.map((b) => b.ip)))
    if (selects && !addresses.has(ip) && !changing.has(ip))
      say(
        "service-backend-without-pod",
        `backend ${ip} of service ${key(service)} in ${cluster.name} belongs to no pod`,
        withoutBackends({ cluster, service }, ip),
      );
  const failure = isPending(service) ? balancerFailure(cluster, service) : undefined;
  if (isPending(service) && (failure !== undefined || assignsLoadBalancerIPs(cluster)))
    say(
      "service-without-address",
      `service ${key(service)} of ${cluster.name} has no LoadBalancer address${failure === undefined ? "" : `: ${failure.text}`}`,
      failure?.next ?? "check the operator and the address pools",
    );
  if (!global || !selects) return found;
  const ready = backends.filter((b) => b.ready && addresses.has(b.ip));
  if (ready.length > 0) return found;
  const pods = cluster.pods.value.filter(
    (p) =>
      p.namespace === service.namespace &&
      Object.entries(service.selector).every(([k, v]) => p.labels[k] === v),
  );
  if (pods.length > 0 && pods.every((p) => !p.ready)) say(...notReady({ cluster, service }, pods));
  // A side without pods is valid: the canary services of a lab have none.
  else if (pods.length === 0) {
    const empty = known(cluster.workloads).filter(
      (w) => w.namespace === service.namespace && w.desired === 0,
    );
    if (empty.length > 0)
      say(
        "service-scaled-to-zero",
        `service ${key(service)} has no backend in ${cluster.name}: ${empty.map((w) => `${w.kind} ${w.name}`).join(", ")} is scaled to zero`,
        kubectl(
          service.namespace,
          "scale",
          ...empty.map((w) => `${w.kind.toLowerCase()}/${w.name}`),
          "--replicas",
          "1",
        ),
      );
  }
  return found;
}

/** Addresses that only the operator's copies of other clusters' EndpointSlices hold: their pods are there. */
function mirroredOnly({ cluster, service }: Side): ReadonlySet<string> {
  const addressesOf = (mirrored: boolean): string[] =>
    slicesOf(cluster, service)
      .filter((s) => s.mirrored === mirrored)
      .flatMap((s) => s.endpoints.flatMap((e) => e.addresses));
  const own = new Set(addressesOf(false));
  return new Set(addressesOf(true).filter((ip) => !own.has(ip)));
}

/** Its controller writes a slice anew; one that somebody else wrote stays away. */
function withoutBackends({ cluster, service }: Side, ip: string): string {
  const slices = slicesOf(cluster, service).filter((s) => s.endpoints.some((e) => e.addresses.includes(ip)));
  return slices.length === 0
    ? kubectl(service.namespace, "get", "endpointslices", "-l", `kubernetes.io/service-name=${service.name}`)
    : kubectl(service.namespace, "delete", ...slices.map((s) => `endpointslice/${s.name}`));
}

function notReady(
  { cluster, service }: Side,
  pods: readonly PodState[],
): readonly [id: FindingId, message: string, next: string] {
  const stuck = pods
    .map((pod) => ({ pod, cause: startCauseOf(cluster, pod) }))
    .find((p) => p.cause !== undefined);
  const names = pods.map((p) => p.name).join(", ");
  const message = `service ${key(service)} has no ready backend in ${cluster.name}: none of its ${pods.length} pods is ready (${names})`;
  if (stuck?.cause === undefined)
    return [
      "service-backends-not-ready",
      message,
      `${kubectl(service.namespace, "describe", "pods")}: their readiness probes fail`,
    ];
  return [
    "service-backends-not-ready",
    `${message}; ${stuck.pod.name} ${stuck.cause.what}`,
    nextFor(cluster, stuck.cause, stuck.pod),
  ];
}

/** A load balancer of a provider may have a host name instead of an address. */
const isPending = ({ type, loadBalancerIp, loadBalancerName }: ServiceState): boolean =>
  type === "LoadBalancer" && loadBalancerIp === "" && loadBalancerName === undefined;

/** Whether the cluster assigns LoadBalancer addresses: not if there is neither a pool nor an assigned address. */
function assignsLoadBalancerIPs({ loadBalancerPools: pools, services }: ClusterSnapshot): boolean {
  // A live cluster's are not collected; an archive's that could not be read show nothing.
  const isUnread = pools?.ok === false && pools.absent !== true;
  if (!isUnread && (pools?.ok !== true || pools.value > 0)) return true;
  return known(services).some((s) => s.loadBalancerIp !== "");
}
