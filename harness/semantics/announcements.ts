import { isMapping, mappingsIn, textsIn } from "#harness/lib/value-at.ts";
import type { BgpAdvert, L2Policy, NodeDevice } from "#harness/model/announcements.ts";
import { labelsMatch } from "./policy-model.ts";

// Which services, nodes and devices a CiliumL2AnnouncementPolicy means: pkg/l2announcer/l2announcer.go@1.20.2. Which
// services BGP announces: pkg/bgp/manager/reconciler/service.go@1.20.2.

/** The class of load balancers whose addresses BGP announces. */
export const bgpClass = "io.cilium/bgp-control-plane";

/** Undefined where the selector cannot be judged. */
function matches(
  selector: Readonly<Record<string, unknown>> | undefined,
  labels: Readonly<Record<string, string>>,
): boolean | undefined {
  if (selector === undefined) return true;
  try {
    return labelsMatch(selector, (key) => labels[key]);
  } catch {
    return undefined;
  }
}

interface Named {
  readonly namespace: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** By its labels, and two of its own for its name and namespace (`svcAndMetaLabels`). */
export const selectsService = ({ serviceSelector }: L2Policy, service: Named): boolean | undefined =>
  matches(serviceSelector, labelsOf(service));

const labelsOf = (service: Named): Readonly<Record<string, string>> => ({
  ...service.labels,
  "io.kubernetes.service.namespace": service.namespace,
  "io.kubernetes.service.name": service.name,
});

/** By the same labels (`serviceLabelSet`); without a selector, none. Undefined where it cannot be judged. */
const advertises = ({ selector }: BgpAdvert, service: Named): boolean | undefined =>
  selector === undefined ? false : matches(selector, labelsOf(service));

interface BgpObject {
  readonly kind: string;
  readonly name: string;
  readonly spec: unknown;
}

const fieldOf = (value: unknown, key: string): unknown => (isMapping(value) ? value[key] : undefined);

/**
 * What an object lets BGP announce of services: a CiliumBGPAdvertisement (Cilium 1.16 and later), or a
 * CiliumBGPPeeringPolicy (up to 1.19), whose default is the address of the load balancer.
 */
export function bgpAdverts({ kind, name, spec }: BgpObject): BgpAdvert[] {
  const advert = (selector: unknown, addresses: readonly string[]): BgpAdvert => ({
    title: `${kind} ${name}`,
    ...(isMapping(selector) ? { selector } : {}),
    loadBalancerIps: addresses.includes("LoadBalancerIP"),
  });
  if (kind === "CiliumBGPPeeringPolicy")
    return mappingsIn(fieldOf(spec, "virtualRouters")).map(({ serviceSelector, serviceAdvertisements }) =>
      advert(
        serviceSelector,
        serviceAdvertisements === undefined ? ["LoadBalancerIP"] : textsIn(serviceAdvertisements),
      ),
    );
  return mappingsIn(fieldOf(spec, "advertisements"))
    .filter((a) => a.advertisementType === "Service")
    .map((a) => advert(a.selector, textsIn(fieldOf(a.service, "addresses"))));
}

/** Labels by which the first that selects by labels alone would select a service. */
export function missingLabels(adverts: readonly BgpAdvert[]): readonly string[] {
  for (const { selector, loadBalancerIps } of adverts) {
    const labels = fieldOf(selector, "matchLabels");
    const hasMore = mappingsIn(fieldOf(selector, "matchExpressions")).length > 0;
    const pairs = loadBalancerIps && !hasMore && isMapping(labels) ? Object.entries(labels) : [];
    if (pairs.length > 0 && pairs.every(([key]) => !key.startsWith("io.kubernetes.service.")))
      return pairs.map(([key, value]) => `${key}=${String(value)}`);
  }
  return [];
}

/** Why BGP announces no address of a load balancer of a service; undefined where it does, or may. */
export function notAdvertised(adverts: readonly BgpAdvert[], service: Named): string | undefined {
  const selecting = adverts.filter((a) => advertises(a, service) !== false);
  const [first] = selecting;
  if (selecting.some((a) => a.loadBalancerIps || advertises(a, service) === undefined)) return undefined;
  if (first !== undefined) return `${first.title} selects the service, and its addresses lack LoadBalancerIP`;
  const titles = [...new Set(adverts.map((a) => a.title))];
  return `no CiliumBGPAdvertisement or CiliumBGPPeeringPolicy selects the service${titles.length === 0 ? "" : ` (${titles.join(", ")})`}, so BGP announces nothing of it`;
}

export const selectsNode = (
  { nodeSelector }: L2Policy,
  labels: Readonly<Record<string, string>> | undefined,
): boolean | undefined =>
  nodeSelector === undefined ? true : labels === undefined ? undefined : matches(nodeSelector, labels);

/** What the syntax of Go has and that of JavaScript has not, or reads otherwise. */
const isGoOnly = (pattern: string): boolean =>
  pattern.length > 200 || /\[\[:|\(\?(?!:)|\\[pPAzQEC]/.test(pattern);

/** One that cannot be judged counts as a match. */
function matchesDevice(pattern: string, device: string): boolean {
  if (isGoOnly(pattern)) return true;
  try {
    return new RegExp(pattern).test(device);
  } catch {
    return true;
  }
}

/**
 * The devices that Cilium may consider: those of the setting `devices`, where it is set (`+` at the end of a name stands
 * for any rest; `dc.filter`, pkg/datapath/linux/devices_controller.go@1.20.2).
 */
export function consideredDevices(
  devices: readonly NodeDevice[],
  settings: Readonly<Record<string, string>>,
): readonly NodeDevice[] {
  const names = (settings.devices ?? "").split(/[\s,]+/).filter((name) => name !== "");
  const isOpen = settings["force-device-detection"] === "true" || names.some((name) => name.startsWith("!"));
  if (names.length === 0 || isOpen) return devices;
  return devices.filter((d) =>
    names.some((name) => (name.endsWith("+") ? d.name.startsWith(name.slice(0, -1)) : d.name === name)),
  );
}

/** Without `interfaces` every device counts; a pattern may match anywhere in a name. */
export const announcesOn = ({ interfaces }: L2Policy, devices: readonly NodeDevice[]): boolean =>
  interfaces.length === 0
    ? devices.length > 0
    : devices.some((d) => interfaces.some((pattern) => matchesDevice(pattern, d.name)));

/** The name of the lease by which nodes elect the one that answers for a service (`newLeaseLock`). */
export const leaseOf = ({ namespace, name }: Named): string => `cilium-l2announce-${namespace}-${name}`;
