import { closest } from "#harness/lib/closest.ts";
import { given } from "#harness/lib/given.ts";
import { isMapping, valueAt } from "#harness/lib/value-at.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import { chartSettings } from "./chart-settings.ts";
import { ignoredPaths, keysBeside, pathsTo, valueLack } from "./chart-values.ts";
import { besideRead } from "./releases-read.ts";

/** A value that a minor no longer reads, and what takes its place. `refused`: `helm` stops (templates/validate.yaml). */
interface RemovedValue {
  readonly path: string;
  readonly removed: string;
  readonly instead: string;
  readonly refused: boolean;
  /** Without it Cilium does what it did with it. */
  readonly isHarmless?: true;
  /** Values of which one must be on, or nothing reads it. */
  readonly with?: readonly string[];
}

/** Values that decide on a mesh or are common, which charts before this minor had. */
const removedValues: readonly RemovedValue[] = [
  { path: "tunnel", removed: "1.15", instead: "routingMode and tunnelProtocol", refused: true },
  { path: "global", removed: "1.9", instead: "the same keys without `global`", refused: false },
  { path: "nativeRoutingCIDR", removed: "1.12", instead: "ipv4NativeRoutingCIDR", refused: false },
  {
    path: "ipam.operator.clusterPoolIPv4PodCIDR",
    removed: "1.14",
    instead: "ipam.operator.clusterPoolIPv4PodCIDRList",
    refused: false,
  },
  {
    path: "ipam.operator.clusterPoolIPv6PodCIDR",
    removed: "1.14",
    instead: "ipam.operator.clusterPoolIPv6PodCIDRList",
    refused: false,
  },
  { path: "clustermesh.apiserver.tls.ca", removed: "1.15", instead: "tls.ca", refused: true },
  { path: "enableK8sEventHandover", removed: "1.15", instead: "nothing", refused: true },
  { path: "enableCnpStatusUpdates", removed: "1.15", instead: "nothing", refused: true },
  { path: "encryption.keyFile", removed: "1.16", instead: "encryption.ipsec.keyFile", refused: true },
  { path: "encryption.mountPath", removed: "1.16", instead: "encryption.ipsec.mountPath", refused: true },
  { path: "encryption.secretName", removed: "1.16", instead: "encryption.ipsec.secretName", refused: true },
  { path: "encryption.interface", removed: "1.16", instead: "encryption.ipsec.interface", refused: true },
  { path: "proxy.prometheus", removed: "1.16", instead: "envoy.prometheus", refused: true },
  { path: "endpointStatus", removed: "1.16", instead: "nothing", refused: true },
  { path: "remoteNodeIdentity", removed: "1.16", instead: "nothing: it is always on", refused: true },
  { path: "containerRuntime.integration", removed: "1.16", instead: "nothing", refused: true },
  { path: "etcd.managed", removed: "1.16", instead: "nothing", refused: true },
  {
    path: "enableCiliumEndpointSlice",
    removed: "1.18",
    instead: "ciliumEndpointSlice.enabled",
    refused: true,
  },
  { path: "ciliumEndpointSlice.sliceMode", removed: "1.18", instead: "nothing", refused: true },
  {
    path: "clustermesh.enableMCSAPISupport",
    removed: "1.20",
    instead: "clustermesh.mcsapi.enabled",
    refused: false,
  },
  { path: "externalWorkloads", removed: "1.18", instead: "nothing", refused: false },
  { path: "customCalls", removed: "1.19", instead: "nothing", refused: false },
  { path: "svcSourceRangeCheck", removed: "1.19", instead: "nothing: it is always on", refused: false },
  { path: "sessionAffinity", removed: "1.19", instead: "nothing: it is always on", refused: false },
  { path: "nodePort.enabled", removed: "1.19", instead: "kubeProxyReplacement", refused: false },
  {
    path: "l2podAnnouncements.interface",
    removed: "1.19",
    instead: "l2podAnnouncements.interfacePattern",
    refused: false,
    with: ["l2podAnnouncements.enabled"],
  },
  ...(
    [
      ["hubble.redact.kafka.apiKey", "Cilium 1.20 has no Kafka support"],
      ["preflight.tofqdnsPreCache", "it was for the upgrade from Cilium 1.3"],
      ["encryption.ipsec.interface", "it has had no effect since Cilium 1.18"],
      ["clustermesh.apiserver.tls.enableSecrets", "Secrets hold the certificates, and values no longer"],
    ] as const
  ).map(
    // Documentation/operations, upgrade notes of 1.20, removed options.
    ([path, why]): RemovedValue => ({
      path,
      removed: "1.20",
      instead: `nothing: ${why}`,
      refused: false,
      isHarmless: true,
    }),
  ),
  {
    path: "encryption.ipsec.encryptedOverlay",
    removed: "1.20",
    instead: "nothing: it is always on",
    refused: false,
  },
  {
    path: "encryption.strictMode.enabled",
    removed: "1.20",
    instead: "encryption.strictMode.egress.enabled",
    refused: false,
  },
  {
    path: "encryption.strictMode.cidr",
    removed: "1.20",
    instead: "encryption.strictMode.egress.cidr",
    refused: false,
    with: ["encryption.strictMode.enabled", "encryption.strictMode.egress.enabled"],
  },
  {
    path: "encryption.strictMode.allowRemoteNodeIdentities",
    removed: "1.20",
    instead: "encryption.strictMode.egress.allowRemoteNodeIdentities",
    refused: false,
    with: ["encryption.strictMode.enabled", "encryption.strictMode.egress.enabled"],
  },
  ...["extraDnsNames", "extraIpAddresses"].map((name) => ({
    path: `clustermesh.apiserver.tls.server.${name}`,
    // 1.20 still reads it where the other is not set.
    removed: "1.21",
    instead: `clustermesh.apiserver.tls.auto.server.${name}`,
    refused: false,
  })),
];

export const isRemovedValue = (path: string): boolean => removedValues.some((r) => r.path === path);

/** Those at the top. */
export const removedKeys: readonly string[] = removedValues
  .map((r) => r.path)
  .filter((p) => !p.includes("."));

/** A value that the chart of a version does not read. */
export interface IgnoredValue {
  readonly path: string;
  readonly value: unknown;
  /** The minor or the release that removed it, or that brings it later. */
  readonly removed?: string;
  readonly brought?: string;
  /** The path that takes its place, or that was probably meant. */
  readonly instead?: string;
  /** Whether the values have that path too. */
  readonly isWritten?: boolean;
  /** Why none is needed. */
  readonly note?: string;
  /** Without it Cilium does what it did with it. */
  readonly isHarmless?: true;
  /** `helm` stops because of it. */
  readonly refused: boolean;
}

const isOff = (value: unknown): boolean =>
  ["", false].includes(value as string | boolean) ||
  (typeof value === "object" && value !== null && Object.values(value).every(isOff));

const isOn = (value: unknown): boolean => value !== undefined && value !== null && !isOff(value);

/** Whether the tests by which charts refuse removed values see one: to Go, a mapping that is not empty is true. */
const isSeen = (path: string, value: unknown): boolean =>
  // Its test is of a text (templates/validate.yaml:26 of 1.20.2).
  path === "proxy.prometheus" && isMapping(value)
    ? !isNone(value.enabled) || isTrue(value.port)
    : isTrue(value);
const isNone = (value: unknown): boolean => value === undefined || value === null || value === "";
const isTrue = (value: unknown): boolean =>
  !isNone(value) &&
  value !== false &&
  value !== 0 &&
  (typeof value !== "object" || value === null || Object.keys(value).length > 0);

/** Values that the chart of a version ignores. One that it removed and that asked for nothing is none. */
export function ignoredValues(values: Readonly<Record<string, unknown>>, version: string): IgnoredValue[] {
  const byTable = removedValues.flatMap((row): IgnoredValue[] => {
    const { path, removed, instead, refused, isHarmless } = row;
    const value = valueAt(values, path);
    const isRead = row.with?.some((beside) => isOn(valueAt(values, beside))) ?? true;
    const isAsked = isRead && (refused ? isSeen(path, value) : !isNone(value) && !isOff(value));
    if (!isAsked || !isAtLeast(version, removed)) return [];
    const [word = "", note] = instead.split(": ");
    return [
      {
        path,
        value,
        removed,
        refused,
        ...(word === "nothing" ? {} : { instead: word, isWritten: isOn(valueAt(values, word)) }),
        ...(note === undefined ? {} : { note }),
        ...given({ isHarmless }),
      },
    ];
  });
  const isTold = (path: string): boolean =>
    removedValues.some(
      (r) => isAtLeast(version, r.removed) && (path === r.path || path.startsWith(`${r.path}.`)),
    ) || byTable.some((r) => r.path.startsWith(`${path}.`));
  const beside = besideRead(version);
  const isUnread = beside?.sameMinor === false;
  const byChart = ignoredPaths(values, isUnread ? beside.nearest : version).flatMap(
    (path): IgnoredValue[] => {
      if (isTold(path)) return [];
      const value = valueAt(values, path) ?? keyAt(values, path);
      const { brought, removed } = valueLack(path, version) ?? {};
      const harmless = given({ isHarmless: isDoneWithout(path, value) });
      if (brought !== undefined)
        return [{ path, value, refused: false, brought, ...olderName(path, version), ...harmless }];
      if (removed !== undefined)
        return isOff(value) ? [] : [{ path, value, refused: false, removed, ...harmless }];
      // A chart that was not read may have it.
      if (isUnread) return [];
      const instead = meantPath(path, version);
      return [{ path, value, refused: false, ...given({ instead }) }];
    },
  );
  return [...byTable, ...byChart];
}

/** Whether charts without a value do what it says: it keeps what they did, or it is a default that changed nothing. */
function isDoneWithout(path: string, value: unknown): true | undefined {
  const row = chartSettings.find((r) => r.value === path);
  if (row === undefined) return undefined;
  const written = [JSON.stringify(value), String(value)];
  const isKept = row.keep !== undefined && written.includes(row.keep);
  const isDefault = row.kind === "internal" && Object.values(row.defaults).includes(String(value));
  return isKept || isDefault ? true : undefined;
}

/** The value with nearly the same letters, or the only one of that name at another place. */
function meantPath(path: string, version: string): string | undefined {
  const at = path.lastIndexOf(".") + 1;
  const key = path.slice(at);
  const beside = closest(key, keysBeside(path, version));
  if (beside !== undefined) return path.slice(0, at) + beside;
  const elsewhere = key === "enabled" ? [] : pathsTo(key, version);
  return elsewhere.length === 1 ? elsewhere[0] : undefined;
}

/** Of a path whose last key contains a dot. */
const keyAt = (values: Readonly<Record<string, unknown>>, path: string): unknown =>
  Object.hasOwn(values, path) ? values[path] : undefined;

/** The path that an older version has in its place. */
function olderName(path: string, version: string): { readonly instead?: string } {
  const older = removedValues.find((r) => r.instead === path && !isAtLeast(version, r.removed));
  return older === undefined ? {} : { instead: older.path };
}
