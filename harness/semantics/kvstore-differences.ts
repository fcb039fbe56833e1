import type { KvstoreState, SharedPort, SharedState } from "#harness/model/shared-state.ts";
import type { ClusterObjects } from "./cluster-objects.ts";
import { type Comparison, compareEntries, type Difference, type Place } from "./compare.ts";
import type { Entries, ExportedState } from "./exported-state.ts";
import { heldEntries } from "./peer-state.ts";

type Part = keyof SharedState;

/** The kinds of entries, as a reader knows them. */
export const partNames: Readonly<Record<Part, string>> = {
  nodes: "node",
  addresses: "address",
  identities: "identity",
  services: "service",
  slices: "EndpointSlice",
  exports: "ServiceExport",
};

const listed = (texts: readonly string[]): string => [...texts].sort().join(" ") || "none";

const portsText = (ports: Readonly<Record<string, readonly SharedPort[]>>): string =>
  listed(
    Object.entries(ports).flatMap(([ip, all]) => all.map((p) => `${ip}:${p.port}/${p.protocol}(${p.name})`)),
  );

const fieldsOf: { readonly [K in Part]: Comparison<SharedState[K][number]>["fields"] } = {
  nodes: (n) => ({
    "cluster id": String(n.clusterId),
    addresses: listed(n.addresses.map((a) => `${a.type} ${a.ip}`)),
    "pod CIDRs": listed(n.podCidrs),
    "health addresses": listed(n.healthIps),
    "WireGuard key": n.wireguardKey,
  }),
  addresses: (a) => ({
    identity: String(a.identity),
    "node address": a.hostIp === "" ? undefined : a.hostIp,
    pod: `${a.namespace}/${a.pod}`,
  }),
  identities: (i) => ({ labels: listed(i.labels) }),
  services: (s) => ({
    "cluster id": String(s.clusterId),
    frontends: portsText(s.frontends),
    backends: portsText(s.backends),
  }),
  slices: (s) => ({
    "cluster id": String(s.clusterId),
    service: s.service,
    addresses: listed(s.addresses),
    "serving endpoints": String(s.serving),
  }),
  exports: () => ({}),
};

/** What a step holds of a cluster's data. */
export interface HeldState {
  readonly place: Place;
  readonly of: string;
  readonly state: SharedState;
  /** Addresses that are neither expected nor stale. */
  readonly allowedAddresses?: ReadonlySet<string>;
}

/** One kind of entries; nothing if they are not known. */
export function partDifferences<K extends Part>(
  part: K,
  expected: ExportedState,
  { place, of, state, allowedAddresses }: HeldState,
): Difference[] {
  const entries = expected[part] as Entries<SharedState[K][number]>;
  if (entries === undefined) return [];
  const comparison: Comparison<SharedState[K][number]> = {
    ...{ place, of, object: partNames[part], fields: fieldsOf[part] },
    allowed: (name) => part === "addresses" && allowedAddresses?.has(name) === true,
  };
  return compareEntries(comparison, entries, heldEntries(state, part));
}

/** All kinds of entries that are known. */
export const stateDifferences = (expected: ExportedState, held: HeldState): Difference[] =>
  (Object.keys(partNames) as Part[]).flatMap((part) => partDifferences(part, expected, held));

const keyParts: Readonly<Record<Part, string>> = {
  nodes: "nodes",
  addresses: "ip",
  identities: "identities",
  services: "services",
  slices: "endpointslices",
  exports: "serviceexports",
};

/** Keys whose values agents refuse: of one kind of the cluster's own entries, or all. */
export const malformedDifferences = (
  { malformed }: KvstoreState,
  { place, of }: Pick<HeldState, "place" | "of">,
  part?: Part,
): Difference[] =>
  malformed
    .filter(({ key }) => part === undefined || key.startsWith(`cilium/state/${keyParts[part]}/`))
    .map(({ key, why }) => ({
      ...{ kind: "different", place, of, object: "key", name: key, origin: "" },
      ...{ field: "a value that agents refuse", expected: "one of its own form and name", held: `(${why})` },
    }));

/** Agents that write their own kvstore write the addresses of their nodes' health endpoints too. */
export const nodeAddresses = ({ hasApiserver, ciliumNodes = [] }: ClusterObjects): string[] =>
  hasApiserver
    ? []
    : ciliumNodes.flatMap((n) => [
        ...(n.healthIps ?? []),
        ...(n.ingressIps ?? []),
        ...(n.addresses ?? []).map((a) => a.ip),
      ]);
