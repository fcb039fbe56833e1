import { isMapping, textsIn } from "#harness/lib/value-at.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { Difference, SourceCluster } from "#harness/model/source-environment.ts";
import { hasValues, mayBeSetElsewhere, peersOf } from "./listed-peers.ts";
import { at, isPlaceholder } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;

const tls = "clustermesh.apiserver.tls";
const usualDomain = "mesh.cilium.io";

/** The path of further names; the chart of 1.20 reads the older one where this is empty (its `_helpers.tpl`). */
const namesPath = (c: SourceCluster): string =>
  isAtLeast(c.cilium ?? "1.20", "1.20") ? `${tls}.auto.server.extraDnsNames` : `${tls}.server.extraDnsNames`;

function extraNames(c: SourceCluster): unknown[] {
  const own = at(c.values, namesPath(c));
  const older = at(c.values, `${tls}.server.extraDnsNames`);
  const of = Array.isArray(own) && own.length > 0 ? own : older;
  return Array.isArray(of) ? of : [];
}

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
  !extraNames(c).some(isPlaceholder) &&
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
