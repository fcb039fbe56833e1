import { isIP } from "node:net";
import { isMapping, textsIn } from "#harness/lib/value-at.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { Difference, SourceCluster } from "#harness/model/source-environment.ts";
import { hasValues, mayBeSetElsewhere, peersOf } from "./listed-peers.ts";
import { at, isPlaceholder } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;

const tls = "clustermesh.apiserver.tls";
const usualDomain = "mesh.cilium.io";

type Extra = "extraDnsNames" | "extraIpAddresses";

/** The path of further names; the chart of 1.20 reads the older one where this is empty (its `_helpers.tpl`). */
const pathOf = (c: SourceCluster, key: Extra): string =>
  isAtLeast(c.cilium ?? "1.20", "1.20") ? `${tls}.auto.server.${key}` : `${tls}.server.${key}`;

const namesPath = (c: SourceCluster): string => pathOf(c, "extraDnsNames");

function extraOf(c: SourceCluster, key: Extra): unknown[] {
  const own = at(c.values, pathOf(c, key));
  const older = at(c.values, `${tls}.server.${key}`);
  const of = Array.isArray(own) && own.length > 0 ? own : older;
  return Array.isArray(of) ? of : [];
}

const extraNames = (c: SourceCluster): unknown[] => extraOf(c, "extraDnsNames");

/** A star stands for one label, as in a certificate. */
const covers = (name: string, host: string): boolean =>
  name.toLowerCase() === host ||
  (name.startsWith("*.") && host.split(".").slice(1).join(".") === name.slice(2).toLowerCase());

/**
 * Whether the chart makes the server's certificate, of names that are known: with every method it has
 * `*.mesh.cilium.io`, the Service's name and those of `extraDnsNames` (tls-helm, tls-cronjob and tls-certmanager of
 * 1.19.7 and 1.20.2).
 */
const isMadeByChart = (c: SourceCluster): boolean =>
  hasValues(c) &&
  at(c.values, "clustermesh.useAPIServer") === true &&
  at(c.values, `${tls}.auto.enabled`) !== false &&
  at(c.values, "clustermesh.apiserver.kvstoremesh.kvstoreMode") !== "external" &&
  ![...extraNames(c), ...extraOf(c, "extraIpAddresses")].some(isPlaceholder) &&
  !c.others.some((o) => o.metadata.name === "clustermesh-apiserver-server-cert");

/** The names by which a cluster contacts peers that have IP addresses (clustermesh-config/_helpers.tpl of 1.20.2). */
function contacted(c: SourceCluster, domain: string, clusters: readonly SourceCluster[]) {
  return [...peersOf(c)].flatMap(([name, peer]) => {
    const other = clusters.find((o) => o !== c && o.name === name);
    const isUsed = isMapping(peer) && peer.enabled !== false && textsIn(peer.ips).length > 0;
    return other === undefined || !isUsed ? [] : [{ other, host: `${name}.${domain}`.toLowerCase() }];
  });
}

/** Peers whose certificate does not hold the name by which `clustermesh.config.domain` lets them be contacted. */
export function serverNames(clusters: readonly SourceCluster[]): Problem[] {
  const wrong = clusters.flatMap((c) => {
    const domain = at(c.values, "clustermesh.config.domain");
    const isOwn = typeof domain === "string" && domain !== "" && !isPlaceholder(domain);
    if (!isOwn || domain === usualDomain || at(c.values, "clustermesh.config.enabled") !== true) return [];
    return contacted(c, domain, clusters)
      .filter(({ other }) => isMadeByChart(other))
      .filter(({ other, host }) => !textsIn(extraNames(other)).some((name) => covers(name, host)))
      .filter(({ host }) => !covers(`*.${usualDomain}`, host))
      .map((w) => ({ ...w, c, domain }));
  });
  return [...Map.groupBy(wrong, (w) => w.domain)].map(([domain, of]): Problem => {
    const peers = [...new Set(of.map((w) => w.other))];
    const paths = [...new Set(peers.map(namesPath))];
    const names = [...new Set([...of.map((w) => w.c.name), ...peers.map((p) => p.name)])];
    return {
      cluster: clusters
        .map((c) => c.name)
        .filter((name) => names.includes(name))
        .join(", "),
      field: "clustermesh.config.domain",
      inSource: `${domain}: ${of.map((w) => `${w.c.name} contacts ${w.other.name} as ${w.host}`).join(", ")}, and the server certificate that the chart makes of ${peers.map((p) => p.name).join(", ")} holds *.${usualDomain} only, and no such name of ${paths.join(" or ")}: TLS fails, and they do not connect`,
      inLab: "the lab's own names and certificates",
      matters: peers.some(mayBeSetElsewhere) ? "perhaps" : "yes",
    };
  });
}

/** The certificate's names without further ones; the first until 1.19 (tls-helm/server-secret.yaml of 1.19.7). */
const ownNames: readonly string[] = ["clustermesh-apiserver.cilium.io", `*.${usualDomain}`];
const ownAddresses: readonly string[] = ["127.0.0.1", "::1"];

/** Whether the certificate holds it: a name among its DNS names, an IP address among its addresses. */
function isHeld(c: SourceCluster, address: string): boolean {
  const ip = bareAddress(address);
  return isIP(ip) === 0
    ? // The name of its Service depends on the namespace.
      /^clustermesh-apiserver\.[a-z0-9-]+\.svc$/.test(address) ||
        [...ownNames, ...textsIn(extraNames(c))].some((name) => covers(name, address))
    : [...ownAddresses, ...textsIn(extraOf(c, "extraIpAddresses"))].some(
        (other) => isIP(other) !== 0 && canonical(other) === canonical(ip),
      );
}

/** An address of IPv6 has brackets in an endpoint. */
const bareAddress = (address: string): string => address.replace(/^\[(.*)\]$/, "$1");

const canonical = (ip: string): string =>
  new URL(`https://${ip.includes(":") ? `[${ip.replace(/%.*$/, "")}]` : ip}`).hostname;

/** What no address can be is a line of its own (`peerRules`). */
const isHost = (address: string): boolean =>
  isIP(bareAddress(address)) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(address);

/**
 * Peers that are contacted by an address which their certificate does not hold. Without `ips` the endpoint is
 * `https://ADDRESS:PORT`, with no other name for TLS (clustermesh-config/_helpers.tpl of 1.19.7 and 1.20.2), so that is
 * what the certificate must hold (cilium/cilium#22872); `clustermesh.config.domain` plays no part.
 */
export function serverAddresses(clusters: readonly SourceCluster[]): Problem[] {
  return clusters.flatMap((c) => {
    if (at(c.values, "clustermesh.config.enabled") !== true) return [];
    return [...peersOf(c)].flatMap(([name, peer]): Problem[] => {
      const other = clusters.find((o) => o !== c && o.name === name);
      if (other === undefined || !isMapping(peer) || peer.enabled === false) return [];
      const { ips, address } = peer;
      const isByIps = Array.isArray(ips) ? ips.length > 0 : (ips ?? "") !== "";
      if (isByIps || typeof address !== "string" || isPlaceholder(address)) return [];
      const host = address.toLowerCase();
      if (!isHost(host) || !isMadeByChart(other) || isHeld(other, host)) return [];
      const key = isIP(bareAddress(host)) === 0 ? "extraDnsNames" : "extraIpAddresses";
      return [
        {
          cluster: c.name,
          field: `address of peer ${name}`,
          inSource: `contacts it as ${address}, and the server certificate that the chart makes of ${name} holds *.${usualDomain} only, and no such ${key === "extraDnsNames" ? "name" : "address"} of ${pathOf(other, key)}: TLS fails, and ${c.name} does not connect`,
          inLab: "the lab's own names and certificates",
          matters: mayBeSetElsewhere(other) ? "perhaps" : "yes",
        },
      ];
    });
  });
}
