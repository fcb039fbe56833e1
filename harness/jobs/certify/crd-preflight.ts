import { crdStates } from "#harness/cilium/crd-states.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { UpgradePair } from "#harness/model/certification-journal.ts";
import { type CrdState, crdChanges, crdFindings } from "#harness/semantics/crd-versions.ts";

/** Each cluster's CRDs of Cilium. */
export type MeshCrds = ReadonlyMap<string, readonly CrdState[]>;

export async function meshCrds(clusters: readonly Cluster[]): Promise<MeshCrds> {
  return new Map(await Promise.all(clusters.map(async (c) => [c.name, await crdStates(c)] as const)));
}

/**
 * What the CRDs say of an upgrade and of the way back, before anything moves. Throws `config-conflict` if one of the two
 * cannot work.
 */
export function crdPreflight(
  crds: MeshCrds,
  pair: UpgradePair,
  { rollsBack }: { readonly rollsBack: boolean },
): CertificateFinding[] {
  const findings = [...crds].flatMap(([cluster, states]) =>
    crdFindings(pair, { states }).map((f) => ({ ...f, message: `${cluster}: ${f.message}` })),
  );
  const [stop] = findings.filter(
    (f) => f.grade === "serious" && (f.id === "crd-stored-version" || rollsBack),
  );
  if (stop !== undefined)
    throw new MeshproofError("config-conflict", stop.message, {
      remedy: stop.remedy ?? "certify with --skip-rollback",
    });
  return findings;
}

/** Stored versions that the upgrade changed. */
export const storedVersionFindings = (before: MeshCrds, after: MeshCrds): CertificateFinding[] =>
  [...before].flatMap(([cluster, was]) =>
    crdChanges(was, found(after.get(cluster), `CRDs of ${cluster} after the upgrade`)).map((change) => ({
      id: "crd-stored-version",
      grade: "information" as const,
      message: `${cluster}: ${change}`,
    })),
  );
