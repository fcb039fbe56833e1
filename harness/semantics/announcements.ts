import type { L2Policy, NodeDevice } from "#harness/model/announcements.ts";
import { labelsMatch } from "./policy-model.ts";

// Which services, nodes and devices a CiliumL2AnnouncementPolicy means: pkg/l2announcer/l2announcer.go@1.20.2.

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
  matches(serviceSelector, {
    ...service.labels,
    "io.kubernetes.service.namespace": service.namespace,
    "io.kubernetes.service.name": service.name,
  });

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
