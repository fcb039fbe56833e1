import semver from "semver";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";

/** A CRD in a cluster, as far as an upgrade may depend on it. */
export interface CrdState {
  /** `ciliumnodes.cilium.io`. */
  readonly name: string;
  /** Versions in which objects may be stored: `status.storedVersions`. */
  readonly stored: readonly string[];
  /** Those that it has: `spec.versions`. */
  readonly versions?: readonly string[];
}

/** The versions of a CRD in one release of Cilium; the first is the one that objects are stored in. */
type Versions = readonly string[];

/**
 * The CRDs of each release, from that version on until the next; an empty list: the release does not have it. From
 * pkg/k8s/apis/cilium.io/client/crds of 1.18.6, 1.18.11, 1.19.1, 1.19.4, 1.19.7, 1.20.0, 1.20.1 and 1.20.2.
 */
const crds: Readonly<Record<string, Readonly<Record<string, Versions>>>> = {
  ...Object.fromEntries(
    [
      "ciliumbgpadvertisements",
      "ciliumbgpclusterconfigs",
      "ciliumbgpnodeconfigoverrides",
      "ciliumbgpnodeconfigs",
      "ciliumbgppeerconfigs",
      "ciliumcidrgroups",
      "ciliumloadbalancerippools",
    ].map((name) => [name, { "1.18.6": ["v2", "v2alpha1"] }]),
  ),
  ...Object.fromEntries(
    [
      "ciliumclusterwideenvoyconfigs",
      "ciliumclusterwidenetworkpolicies",
      "ciliumegressgatewaypolicies",
      "ciliumendpoints",
      "ciliumenvoyconfigs",
      "ciliumidentities",
      "ciliumlocalredirectpolicies",
      "ciliumnetworkpolicies",
      "ciliumnodes",
    ].map((name) => [name, { "1.18.6": ["v2"] }]),
  ),
  ...Object.fromEntries(
    [
      "ciliumendpointslices",
      "ciliumgatewayclassconfigs",
      "ciliuml2announcementpolicies",
      "ciliumpodippools",
    ].map((name) => [name, { "1.18.6": ["v2alpha1"] }]),
  ),
  ciliumbgppeeringpolicies: { "1.18.6": ["v2alpha1"], "1.19.0": [] },
  ciliumdatapathplugins: { "1.18.6": [], "1.20.0": ["v2alpha1"] },
  // CHANGELOG.md of v1.20.2: clusters made with 1.15 or earlier could not be upgraded.
  ciliumnodeconfigs: { "1.18.6": ["v2", "v2alpha1"], "1.20.0": ["v2"], "1.20.2": ["v2", "v2alpha1"] },
};

const versionsIn = (name: string, cilium: string): Versions => {
  const lives = crds[name] ?? {};
  const since = Object.keys(lives).findLast((v) => semver.lte(v, cilium)) ?? Object.keys(lives)[0];
  return since === undefined ? [] : (lives[since] ?? []);
};

/** The versions of a CRD in any release. */
const everIn = (name: string): Versions => Object.values(crds[name] ?? {}).flat();

const group = "cilium.io";
const plural = (crd: string): string => crd.replace(`.${group}`, "");

interface Move {
  /** Undefined if it is not known: then only what the target does not have is. */
  readonly from: string | undefined;
  readonly to: string;
}

/** Kinds that only a feature uses: where it is off, nobody has objects of them. */
const featureOf: Readonly<Record<string, string>> = {
  ciliumbgppeeringpolicies: "enable-bgp-control-plane",
  ciliumdatapathplugins: "enable-datapath-plugins",
};

/** What is known of a cluster. */
export interface CrdContext {
  /** Its CRDs, or some of them; undefined if none was read. */
  readonly states: readonly CrdState[] | undefined;
  /** Its cilium-config. */
  readonly config?: Readonly<Record<string, string>>;
}

/** CRDs that every release has: a list with them is the whole list. */
const always = ["ciliumnodes", "ciliumidentities"];

/** Whether a list holds all CRDs of a cluster: then what it lacks does not exist. */
export const isWholeList = (states: readonly CrdState[]): boolean =>
  always.every((name) => states.some((s) => plural(s.name) === name));

/**
 * What the CRDs allow of a move and of the way back. Without the state of one, what may be stored is not known, and only
 * versions that the move drops are named.
 */
export function crdFindings(move: Move, { states, config }: CrdContext): CertificateFinding[] {
  const stateOf = (name: string): CrdState | undefined => states?.find((s) => plural(s.name) === name);
  const isWhole = isWholeList(states ?? []);
  return Object.keys(crds).flatMap((name) => {
    const was = move.from === undefined ? [] : versionsIn(name, move.from);
    const will = versionsIn(name, move.to);
    const state = stateOf(name);
    if (isWhole && state === undefined) return [];
    const feature = featureOf[name];
    const isUsed = config === undefined || feature === undefined || config[feature] === "true";
    if (will.length === 0) return was.length === 0 || !isUsed ? [] : [removed(name, move.to)];
    const dropped = (state?.stored ?? was).filter((v) => !will.includes(v));
    return [
      ...(dropped.length === 0
        ? []
        : [notServed({ name, dropped, to: move.to, storage: will[0] ?? "" }, state !== undefined)]),
      ...(move.from === undefined ? [] : rollback({ name, was, will }, { from: move.from, to: move.to })),
    ];
  });
}

const removed = (name: string, to: string): CertificateFinding => ({
  id: "crd-removed",
  grade: "caution",
  message: `Cilium ${to} does not have ${name}.${group}: objects of this kind have no effect`,
  remedy: `see whether there are any (kubectl get ${name} -A), and replace them by the kinds that took their place`,
});

/** An object of Cilium's, as a file has it. */
interface GivenObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

const pluralOf = (kind: string): string => kind.toLowerCase().replace(/y$/, "ie").concat("s");

/** Objects whose kind, or whose version of it, the target does not have. */
export function objectFindings(
  { from, to }: Move,
  objects: readonly GivenObject[],
  config: Readonly<Record<string, string>>,
): CertificateFinding[] {
  return objects.flatMap(({ apiVersion = "", kind = "", metadata }): CertificateFinding[] => {
    const [of, version = ""] = apiVersion.split("/");
    const name = pluralOf(kind);
    const was = from === undefined ? everIn(name) : versionsIn(name, from);
    const will = versionsIn(name, to);
    if (of === group && will.includes(version)) return deprecated({ apiVersion, kind, metadata }, will, to);
    if (of !== group || !was.includes(version)) return [];
    const feature = featureOf[name];
    const isUsed = feature === undefined || config[feature] === "true";
    const [newest] = will;
    const where = metadata.namespace === undefined ? "" : `${metadata.namespace}/`;
    return [
      {
        id: "crd-removed",
        grade: isUsed && newest === undefined ? "serious" : "caution",
        message: `${kind} ${where}${metadata.name}: Cilium ${to} does not have ${newest === undefined ? "this kind: it has no effect" : `${apiVersion} of it: the API server refuses a manifest with that version`}`,
        remedy:
          newest === undefined
            ? (successors[name] ?? "remove it, or replace it by the kind that took its place")
            : `write apiVersion: ${group}/${newest} in its manifest`,
      },
    ];
  });
}

/** CRDs say so of every version but the stored one; of the pools of load balancers from 1.19 on (crds/v2 of 1.18.6 to 1.20.2). */
function deprecated(
  { apiVersion = "", kind = "", metadata: { namespace, name } }: GivenObject,
  [newest = "", ...older]: Versions,
  to: string,
): CertificateFinding[] {
  const isServed = !older.some((v) => apiVersion.endsWith(`/${v}`));
  if (isServed || (kind === "CiliumLoadBalancerIPPool" && semver.lt(to, "1.19.0"))) return [];
  const label = `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
  return [
    {
      id: "deprecated",
      grade: "information",
      message: `${label}: Cilium ${to} deprecates ${apiVersion} of it: a later release removes it`,
      remedy: `write apiVersion: ${group}/${newest} in its manifest`,
    },
  ];
}

const successors: Readonly<Record<string, string>> = {
  ciliumbgppeeringpolicies:
    "replace it by CiliumBGPClusterConfig, CiliumBGPPeerConfig and CiliumBGPAdvertisement, which Cilium 1.18 has too",
};

const notServed = (
  {
    name,
    dropped,
    to,
    storage,
  }: { readonly name: string; readonly dropped: Versions; readonly to: string; readonly storage: string },
  isKnown: boolean,
): CertificateFinding => ({
  id: "crd-stored-version",
  grade: isKnown ? "serious" : "caution",
  message: `${name}.${group} ${isKnown ? "has" : "may have"} objects stored as ${dropped.join(", ")}, which the CRD of Cilium ${to} lacks: the API server refuses the new CRD, and the new operator does not start${isKnown ? "" : " (the CRDs were not read)"}`,
  remedy: `${isKnown ? "" : `${shellQuote(["kubectl", "get", "crd", `${name}.${group}`, "-o", "jsonpath={.status.storedVersions}"])}; where it lists ${dropped.join(", ")}: `}store each object anew (kubectl get ${name}.${storage}.${group} -A -o yaml | kubectl replace -f -), then ${shellQuote(["kubectl", "patch", "crd", `${name}.${group}`, "--subresource=status", "--type=merge", "-p", JSON.stringify({ status: { storedVersions: [storage] } })])}`,
});

/** After the upgrade new objects are stored in its version; the old release must have that one too. */
function rollback(
  crd: {
    readonly name: string;
    readonly was: Versions;
    readonly will: Versions;
  },
  { from, to }: { readonly from: string; readonly to: string },
): CertificateFinding[] {
  const [storage] = crd.will;
  if (storage === undefined || crd.was.length === 0 || crd.was.includes(storage)) return [];
  return [
    {
      id: "crd-rollback",
      grade: "serious",
      message: `after the upgrade ${crd.name}.${group} stores objects as ${storage}, which the CRD of Cilium ${from} lacks: a rollback from ${to} cannot read them`,
      remedy: `back up the objects (kubectl get ${crd.name} -A -o yaml) before the upgrade`,
    },
  ];
}

/** Stored versions that a phase of an upgrade changed: `before` and `after` of one cluster. */
export function crdChanges(before: readonly CrdState[], after: readonly CrdState[]): string[] {
  const names = [...new Set([...before, ...after].map((s) => s.name))].sort();
  return names.flatMap((name) => {
    const [was, is] = [before, after].map((states) => states.find((s) => s.name === name)?.stored.join(", "));
    return was === is ? [] : [`${name}: stored versions ${was ?? "none"} before, ${is ?? "none"} after`];
  });
}
