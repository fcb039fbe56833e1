import semver from "semver";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import { type ClusterSettings, readSetting } from "./setting-changes.ts";

/** Something that a release still has and that a later one removes. */
interface Deprecation {
  /** The first release whose notes say so. */
  readonly since: string;
  readonly value: string;
  /** The key in cilium-config, if there is one. */
  readonly setting?: string;
  /** Follows `Cilium 1.20 deprecates `. */
  readonly what: string;
  /** Follows the release that removes it, as far as it is known. */
  readonly instead: string;
}

const serverNames = (key: string): Deprecation => ({
  since: "1.20.0",
  value: `clustermesh.apiserver.tls.server.${key}`,
  what: `value clustermesh.apiserver.tls.server.${key}`,
  instead: `clustermesh.apiserver.tls.auto.server.${key} takes its place`,
});

/** From the upgrade notes of 1.20, in Documentation/operations/upgrade-notes.inc of 1.20.2. */
const deprecations: readonly Deprecation[] = [
  {
    since: "1.20.0",
    value: "authentication.mutual.spire.enabled",
    setting: "mesh-auth-mutual-enabled",
    what: "mutual authentication (authentication.mutual)",
    instead: "a future release removes it; the notes name encryption.type ztunnel in its place",
  },
  {
    since: "1.20.0",
    value: "dnsProxy.preCache",
    setting: "tofqdns-pre-cache",
    what: "value dnsProxy.preCache",
    instead: "Cilium 1.21 removes it, with nothing in its place",
  },
  {
    since: "1.20.0",
    value: "hubble.preferIpv6",
    what: "value hubble.preferIpv6",
    instead: "preferIpv6 takes its place, also for health probes",
  },
  serverNames("extraDnsNames"),
  serverNames("extraIpAddresses"),
];

/** What a cluster uses and the target deprecates. */
export const deprecationFindings = (to: string, of: ClusterSettings): CertificateFinding[] =>
  deprecations
    .filter(({ since, value, setting }) => {
      const is = readSetting({ value, chart: "", ...(setting === undefined ? {} : { setting }) }, of);
      return semver.gte(to, since) && is !== "" && is !== "false";
    })
    .map(({ since, what, instead }) => ({
      id: "deprecated",
      grade: "information",
      message: `Cilium ${semver.major(since)}.${semver.minor(since)} deprecates ${what}: ${instead} (upgrade notes)`,
    }));
