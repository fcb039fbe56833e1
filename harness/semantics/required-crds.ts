import semver from "semver";
import { given } from "#harness/lib/given.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import { type CrdState, isWholeList } from "./crd-versions.ts";

/** CRDs of other projects that a feature needs before Cilium starts. */
interface RequiredCrds {
  readonly feature: string;
  readonly names: readonly string[];
  /** The version that each release needs, from that release on until the next. */
  readonly needs: Readonly<Record<string, string>>;
  /** By cilium-config after the move: whether the feature is on, and Cilium does not install them itself. */
  readonly isOn: (config: Config) => boolean;
  readonly source: string;
}

type Config = Readonly<Record<string, string>>;

const required: readonly RequiredCrds[] = [
  {
    feature: "the MCS API with clustermesh.mcsapi.installCRDs: false",
    names: ["serviceexports", "serviceimports"].map((name) => `${name}.multicluster.x-k8s.io`),
    needs: { "1.18.0": "v1alpha1", "1.20.0": "v1beta1" },
    isOn: (config) =>
      config["clustermesh-enable-mcs-api"] === "true" &&
      config["clustermesh-mcs-api-install-crds"] === "false",
    source: "pkg/clustermesh/mcsapi/cell.go of 1.19.7 and 1.20.2",
  },
];

/** A CRD as the API server or a file has it; a manifest has no status. */
interface CrdObject {
  readonly metadata: { readonly name: string };
  readonly spec?: unknown;
  readonly status?: unknown;
}

const listAt = (of: unknown, key: string): readonly unknown[] | undefined => {
  const list = isMapping(of) ? of[key] : undefined;
  return Array.isArray(list) ? list : undefined;
};

/** What counts of a CRD; undefined for one that neither is Cilium's nor is needed by it. */
export function crdStateOf({ metadata: { name }, spec, status }: CrdObject): CrdState | undefined {
  if (!name.endsWith(".cilium.io") && !required.some((r) => r.names.includes(name))) return undefined;
  const versions = listAt(spec, "versions")?.flatMap((v) => (isMapping(v) ? [String(v.name)] : []));
  return { name, stored: (listAt(status, "storedVersions") ?? []).map(String), ...given({ versions }) };
}

const needed = ({ needs }: RequiredCrds, version: string): string | undefined => {
  const since = Object.keys(needs).findLast((v) => semver.lte(v, version));
  return since === undefined ? undefined : needs[since];
};

interface Move {
  readonly from: string | undefined;
  readonly to: string;
}

/** CRDs without which the new operator does not start: they lack a version, or are not known and another one is needed. */
export function requiredCrdFindings(
  move: Move,
  after: Config,
  states: readonly CrdState[] = [],
): CertificateFinding[] {
  return required
    .filter(({ isOn }) => isOn(after))
    .flatMap((row): CertificateFinding[] => {
      const version = needed(row, move.to);
      if (version === undefined) return [];
      const lacking = row.names.filter((name) => isLacking(name, version, states));
      const isOther = move.from === undefined || needed(row, move.from) !== version;
      const unread = isOther ? row.names.filter((name) => !isKnown(name, states)) : [];
      return [
        ...(lacking.length === 0 ? [] : [findingOf(row, { names: lacking, version, to: move.to }, true)]),
        ...(unread.length === 0 ? [] : [findingOf(row, { names: unread, version, to: move.to }, false)]),
      ];
    });
}

const isKnown = (name: string, states: readonly CrdState[]): boolean =>
  isWholeList(states) || states.some((s) => s.name === name && s.versions !== undefined);

const isLacking = (name: string, version: string, states: readonly CrdState[]): boolean =>
  isKnown(name, states) && states.find((s) => s.name === name)?.versions?.includes(version) !== true;

function findingOf(
  { feature, source }: RequiredCrds,
  {
    names,
    version,
    to,
  }: { readonly names: readonly string[]; readonly version: string; readonly to: string },
  isRead: boolean,
): CertificateFinding {
  const which = names.join(" and ");
  return {
    id: "crd-missing",
    grade: isRead ? "serious" : "caution",
    message: `${feature} needs ${version} of ${which} in Cilium ${to}${isRead ? `, which the cluster does not have` : ""}: without it the operator does not start${isRead ? "" : " (the CRDs were not read)"} (${source})`,
    remedy: isRead
      ? `install the CRDs with ${version} first, or set clustermesh.mcsapi.installCRDs: true`
      : `give the output of kubectl get crd ${names.join(" ")} -o yaml; where ${version} is not in spec.versions, install the CRDs first`,
  };
}
