import { isMapping, textsIn } from "#harness/lib/value-at.ts";
import type { SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import type { IpFamily } from "#harness/semantics/service-definitions.ts";
import { hasValues, mayBeSetElsewhere } from "./listed-peers.ts";
import { settingsOf, unknownSettings } from "./source-settings.ts";

const familyOf = (address: string): IpFamily => (address.includes(":") ? "IPv6" : "IPv4");
const isFamily = (text: string): text is IpFamily => text === "IPv4" || text === "IPv6";
const isAddress = (text: string): boolean => /^[\d.]+$|^[\da-fA-F:.]*:[\da-fA-F:.]*$/.test(text);
const distinct = (families: readonly IpFamily[]): IpFamily[] => [...new Set(families)];

/**
 * Families that a cluster has for its services, the first one before; undefined if the files do not tell: the API server
 * has an order of its own where agents serve both.
 */
function clusterFamilies(c: SourceCluster): readonly IpFamily[] | undefined {
  if (c.serviceCidrs.length > 0) return distinct(c.serviceCidrs.map(familyOf));
  const isKnown = Object.keys(c.config).length > 0 || (hasValues(c) && !mayBeSetElsewhere(c));
  const unknown = unknownSettings(c);
  if (!isKnown || unknown.has("enable-ipv4") || unknown.has("enable-ipv6")) return undefined;
  const { settings } = settingsOf(c);
  const served: IpFamily[] = [
    ...(settings["enable-ipv4"] === "false" ? [] : (["IPv4"] as const)),
    ...(settings["enable-ipv6"] === "true" ? (["IPv6"] as const) : []),
  ];
  return served.length === 1 ? served : undefined;
}

/**
 * Families of a service's addresses; undefined if the files do not tell, and of a service without an address of its own
 * or without a selector. As the API server gives them: SingleStack is the first family of the cluster, unless the service
 * names one (kubernetes.io, IPv4/IPv6 dual-stack).
 */
export function familiesOf(c: SourceCluster, service: SourceObject): readonly IpFamily[] | undefined {
  const spec: Readonly<Record<string, unknown>> = isMapping(service.spec) ? service.spec : {};
  const { selector, clusterIP, ipFamilyPolicy = "SingleStack" } = spec;
  const isServed = isMapping(selector) && Object.keys(selector).length > 0;
  if (!isServed || spec.type === "ExternalName" || clusterIP === "None") return undefined;
  const addresses = [...textsIn(spec.clusterIPs), ...textsIn([clusterIP])].filter(isAddress);
  if (addresses.length > 0) return distinct(addresses.map(familyOf));
  const given = textsIn(spec.ipFamilies).filter(isFamily);
  if (given.length > 1) return given;
  const own = clusterFamilies(c);
  if (ipFamilyPolicy === "SingleStack") return given.length === 1 ? given : own?.slice(0, 1);
  if (ipFamilyPolicy === "RequireDualStack") return ["IPv4", "IPv6"];
  return own === undefined ? undefined : distinct([...given, ...own]);
}
