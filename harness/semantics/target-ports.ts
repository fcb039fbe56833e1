import type { PodState, ServiceState, SliceState } from "#harness/model/mesh-snapshot.ts";
import type { SharedPort } from "#harness/model/shared-state.ts";
import { isHeadless } from "./cluster-objects.ts";
import { hasAddresses } from "./exported-state.ts";

/** A service of one cluster with what can be behind it; `pods`: undefined where they were not read. */
export interface ServiceBackends {
  readonly service: ServiceState;
  readonly slices: readonly SliceState[];
  readonly pods: readonly PodState[] | undefined;
}

/** A port of a service whose target port is a name that ready backends do not have. */
export interface UnresolvedPort {
  readonly port: SharedPort;
  /** In `spec.ports`. */
  readonly index: number;
  readonly target: string;
  /** How many of the ready backends have it; 0 means that nothing is behind the port. */
  readonly resolved: number;
  readonly ready: number;
}

/** The port that a service's port leads to instead, or the protocol that its containers have the name with. */
type PortRepair =
  | { readonly targetPort: number | string; readonly of: SharedPort }
  | { readonly protocol: string; readonly of: SharedPort };

const isPort = ({ name, protocol }: SharedPort, other: Pick<SharedPort, "name" | "protocol">): boolean =>
  name === other.name && protocol === other.protocol;

/** Pods that a service selects, without those that ended or are about to. */
export const selectedPods = ({ service, pods = [] }: ServiceBackends): PodState[] =>
  pods.filter(
    (p) =>
      p.namespace === service.namespace &&
      !p.ending &&
      p.ended !== true &&
      Object.entries(service.selector).every(([key, value]) => p.labels[key] === value),
  );

/** The ports at each ready address of a service in its own cluster's EndpointSlices, of its first address family. */
function readyAddresses({ service, slices }: ServiceBackends): ReadonlyMap<string, readonly SharedPort[]> {
  const own = slices.filter(
    (s) => !s.mirrored && hasAddresses(s) && s.namespace === service.namespace && s.service === service.name,
  );
  const family = own.some((s) => s.addressType === "IPv4") ? "IPv4" : "IPv6";
  const found = new Map<string, SharedPort[]>();
  // While it moves from one slice to another, it is in both.
  for (const { ports, endpoints } of own.filter((s) => s.addressType === family))
    for (const ip of endpoints.filter((e) => e.ready).flatMap((e) => e.addresses))
      found.set(ip, [...(found.get(ip) ?? []), ...ports]);
  return found;
}

/** Whether a ready address of the service has a port of this name. */
export const hasBackendAt = (of: ServiceBackends, port: SharedPort): boolean =>
  [...readyAddresses(of).values()].some((ports) => ports.some((p) => isPort(p, port)));

/**
 * Ports of a service that leave ready backends out: for each pod, the controller of EndpointSlices leaves out a port whose
 * target port has a name that no container of the pod has with that protocol (`getEndpointPorts`,
 * k8s.io/endpointslice/utils.go), and a pod without any is an address without a port. The names of a headless service
 * resolve all the same.
 */
export function unresolvedPorts(of: ServiceBackends): UnresolvedPort[] {
  const { ports = [], targetPorts = [], type, selector } = of.service;
  if (type === "ExternalName" || isHeadless(of.service) || Object.keys(selector).length === 0) return [];
  if (!targetPorts.some((t) => typeof t === "string")) return [];
  const addresses = [...readyAddresses(of).values()];
  const selected = selectedPods(of);
  const pods = selected.filter((p) => p.ready);
  return ports.flatMap((port, index): UnresolvedPort[] => {
    const target = targetPorts[index];
    if (typeof target !== "string") return [];
    const resolved = addresses.filter((at) => at.some((p) => isPort(p, port))).length;
    const declaring = pods.filter((p) => p.ports?.some((q) => isPort(q, { ...port, name: target })));
    const isKnown = pods.length > 0 && pods.every((p) => p.ports !== undefined);
    const found = { port, index, target };
    // Endpoints, in an archive without EndpointSlices, have no such address at all.
    if (addresses.length === 0)
      return isKnown && declaring.length === 0 ? [{ ...found, resolved: 0, ready: pods.length }] : [];
    if (resolved === addresses.length) return [];
    const isBehind = isKnown && (resolved === 0 ? declaring.length > 0 : declaring.length === pods.length);
    // A release that renames a port has pods of both kinds for a while.
    const isRolling = resolved > 0 && selected.some((p) => !p.ready);
    return isBehind || isRolling ? [] : [{ ...found, resolved, ready: addresses.length }];
  });
}

/** Ports that every ready pod declares; of a number with several names, without a name. */
export function declaredPorts(of: ServiceBackends): SharedPort[] {
  const [first, ...others] = selectedPods(of).filter((p) => p.ready);
  return (first?.ports ?? []).flatMap((port) => {
    const twins = others.map((pod) =>
      pod.ports?.filter((q) => q.port === port.port && q.protocol === port.protocol),
    );
    if (twins.some((t) => t === undefined || t.length === 0)) return [];
    return [{ ...port, name: twins.every((t) => t?.some((q) => q.name === port.name)) ? port.name : "" }];
  });
}

/** Ports that are rarely what a service is for. */
const aside = /metric|prom|health|probe|admin|debug|pprof|status/i;

/** What to change in the service so that its port leads somewhere; undefined where the ports leave it open. */
export function portRepair(
  of: ServiceBackends,
  { port, index, target }: UnresolvedPort,
): PortRepair | undefined {
  const declared = declaredPorts(of);
  const { ports = [], targetPorts = [] } = of.service;
  const otherProtocol = declared.find((p) => p.name === target && p.protocol !== port.protocol);
  if (otherProtocol !== undefined) {
    const isTaken = ports.some((p) => p.port === port.port && p.protocol === otherProtocol.protocol);
    // A number needs no container that declares it.
    return isTaken
      ? { targetPort: otherProtocol.port, of: otherProtocol }
      : { protocol: otherProtocol.protocol, of: otherProtocol };
  }
  const taken = targetPorts.filter((_, i) => i !== index);
  const free = declared.filter(
    (p) => p.protocol === port.protocol && !taken.includes(p.port) && !taken.includes(p.name),
  );
  const numbers = new Set(
    selectedPods(of).flatMap((pod) =>
      (pod.ports ?? []).filter((p) => isPort(p, { ...port, name: target })).map((p) => p.port),
    ),
  );
  const [same] = [
    // The number that other pods of the service have under that name, then that of the service itself.
    ...free.filter((p) => numbers.has(p.port)),
    ...free.filter((p) => p.port === port.port),
  ];
  const likely = free.filter((p) => !aside.test(p.name));
  const chosen = same ?? (free.length === 1 ? free[0] : likely.length === 1 ? likely[0] : undefined);
  return chosen === undefined
    ? undefined
    : { targetPort: chosen.name === "" ? chosen.port : chosen.name, of: chosen };
}
