import { type CertificateFinding, grades } from "#harness/model/certificate-finding.ts";

/** A finding of one cluster, or of several together: `alpha, beta`. */
export interface Found {
  readonly cluster: string;
  readonly finding: CertificateFinding;
}

/** Something that could not be read, so that nothing is said of it. */
export interface Unread {
  readonly message: string;
  readonly remedy: string;
}

export interface Part {
  readonly found: readonly Found[];
  readonly unread: readonly Unread[];
}

/** Of findings of one grade, what stops an upgrade comes before what changes with it. */
const order = [
  "mesh-unhealthy",
  "value-refused",
  "image-pinned",
  "value-ignored",
  "cluster-id",
  "cluster-networks",
  "cluster-settings",
  "policy-changes-meaning",
  "policy-own-cluster-only",
  "policy-host-network-pods",
  "defect-in-target",
  "crd-stored-version",
  "crd-rollback",
  "crd-removed",
  "crd-missing",
  "certificate-expires",
  "versions-apart",
  "kubernetes-untested",
  "feature-changes",
  "deprecated",
  "setting-removed",
  "setting-unknown",
  "setting-changes-meaning",
  "setting-new-default",
  "defect-fixed",
  "setting-internal",
] as const;
type FindingId = (typeof order)[number];

/** Every id; docs/guides/certify.md has a row for each. */
export const findingIds: readonly FindingId[] = order;

/** The most serious first; findings that several clusters share are one, with the clusters' names in front. */
export function merged(found: readonly Found[]): CertificateFinding[] {
  const groups = Map.groupBy(found, ({ finding }) => JSON.stringify(finding));
  const rank = ({ id, grade }: CertificateFinding): number =>
    (grades.length - grades.indexOf(grade)) * order.length + order.indexOf(id as FindingId);
  return [...groups.values()]
    .flatMap((group) => {
      const [first] = group;
      if (first === undefined) return [];
      const names = [...new Set(group.map((f) => f.cluster))].join(", ");
      return [{ ...first.finding, message: `${names}: ${first.finding.message}` }];
    })
    .toSorted((a, b) => rank(a) - rank(b));
}
