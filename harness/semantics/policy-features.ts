import { crosses } from "#harness/lib/version.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";

/** Something that a policy may use and that means another thing from a version on. */
interface Feature {
  /** The first release with the new meaning. */
  readonly since: string;
  readonly uses: (key: string, value: unknown) => boolean;
  readonly means: string;
  readonly remedy: string;
  /** The setting of cilium-config that decides, and the value with which nothing changes. */
  readonly unless?: readonly [setting: string, value: string];
  readonly source: string;
}

const isFilled = (value: unknown): boolean => Array.isArray(value) && value.length > 0;

/** From the upgrade notes of 1.19 and 1.20, in Documentation/operations of 1.19.7 and 1.20.2. */
const features: readonly Feature[] = [
  {
    since: "1.19.0",
    uses: (key, value) => key === "authentication" && typeof value === "object" && value !== null,
    unless: ["mesh-auth-enabled", "true"],
    means: "asks for authentication, which is off by default: its traffic is let through without",
    remedy: "set authentication.enabled to true",
    source: "upgrade notes of 1.19",
  },
  {
    since: "1.19.0",
    uses: (key, value) => key === "matchPattern" && typeof value === "string" && value.startsWith("**."),
    means: "has a DNS pattern that begins with **., which now matches names of several levels",
    remedy: "write *. where one level is meant",
    source: "upgrade notes of 1.19",
  },
  {
    since: "1.19.0",
    uses: (key, value) => /^(from|to)Requires$/i.test(key) && isFilled(value),
    means: "has fromRequires or toRequires, which the API server now refuses",
    remedy: "remove them from the policy",
    source: "upgrade notes of 1.19",
  },
  {
    since: "1.20.0",
    uses: (key, value) =>
      (key === "kafka" && isFilled(value)) || key === "l7proto" || (key === "l7" && isFilled(value)),
    means: "has rules for Kafka or for an Envoy Go extension, which Cilium no longer has",
    remedy: "remove these rules from the policy",
    source: "upgrade notes of 1.20",
  },
];

function usesBelow(value: unknown, feature: Feature): boolean {
  if (Array.isArray(value)) return value.some((v) => usesBelow(v, feature));
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, v]) => feature.uses(key, v) || usesBelow(v, feature));
}

interface Move {
  readonly from: string;
  readonly to: string;
  /** cilium-config after the move. */
  readonly config: Readonly<Record<string, string>>;
}

/** Whether policies have to be read to judge a move. */
export const needsPolicies = (move: Pick<Move, "from" | "to">): boolean =>
  features.some((f) => crosses(move, f.since));

/** Policies that use what means another thing after the move. */
export function policyFeatureFindings(policies: readonly UserPolicy[], move: Move): CertificateFinding[] {
  return features
    .filter(
      (f) => crosses(move, f.since) && (f.unless === undefined || move.config[f.unless[0]] !== f.unless[1]),
    )
    .flatMap((feature) =>
      policies
        .filter((p) => p.kind !== "NetworkPolicy" && p.specs.some(({ spec }) => usesBelow(spec, feature)))
        .map((p) => ({
          id: "policy-changes-meaning",
          grade: "serious" as const,
          message: `${p.kind} ${p.namespace === "" ? p.name : `${p.namespace}/${p.name}`} ${feature.means} (${feature.source})`,
          remedy: feature.remedy,
        })),
    );
}
