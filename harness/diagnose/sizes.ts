import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot, SizedRequests } from "#harness/model/mesh-snapshot.ts";
import { known, nameOf } from "./parts.ts";

/** Paths on which small requests are answered and larger ones are lost: a hop has a lower MTU than the nodes use. */
export function sizes(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) => {
    if (cluster.sizes?.ok !== true) return [];
    return narrowPaths(cluster.sizes.value).map(
      ({ to, froms, size }): Finding => ({
        layer: "size",
        severity: "broken",
        cluster: nameOf(cluster),
        subject: `path to ${to}`,
        message: `small requests from ${named(froms)} to ${to} pass, ${size} do not: MTU between these nodes`,
        next:
          widened(mesh) ??
          `compare the MTU of every hop between them, for example with \`ping -M do -s SIZE ${addressOf(to)}\` on ${named(froms.slice(0, 1))}, then set \`MTU\` in the Helm values of every cluster to what the path carries`,
      }),
    );
  });
}

/** The host's end of a node's link takes less than the node sends; undefined if none was read that does. */
function widened(mesh: MeshSnapshot): string | undefined {
  const narrow = mesh.clusters.flatMap((c) => known(c.links)).filter((l) => l.mtu < l.nodeMtu);
  if (narrow.length === 0) return undefined;
  const said = narrow.map(
    (l) => `${l.link}, the host's end of the link of ${l.node}, has MTU ${l.mtu}, not ${l.nodeMtu}`,
  );
  const commands = narrow.map((l) =>
    shellQuote([
      ...["docker", "run", "--rm", "--network=host", "--cap-add=NET_ADMIN", "--entrypoint=ip", l.image],
      ...["link", "set", "dev", l.link, "mtu", String(l.nodeMtu)],
    ]),
  );
  return `${said.join(", ")}: ${commands.join("; ")}`;
}

/** By target: from where the first size is lost that a small request does not share. */
function narrowPaths(requests: SizedRequests): { to: string; froms: string[]; size: string }[] {
  const key = (r: SizedRequests[number]): string => JSON.stringify([r.from, r.to]);
  const works = new Set(requests.filter((r) => r.size === undefined && r.answered).map(key));
  const found = new Map<string, { to: string; froms: string[]; size: string }>();
  const seen = new Set<string>();
  for (const request of requests) {
    const { from, to, size, answered } = request;
    if (size === undefined || answered || !works.has(key(request)) || seen.has(key(request))) continue;
    seen.add(key(request));
    const one = found.get(`${to} ${size}`);
    if (one === undefined) found.set(`${to} ${size}`, { to, froms: [from], size });
    else one.froms.push(from);
  }
  return [...found.values()];
}

const named = (froms: readonly string[]): string =>
  froms.length <= 3 ? froms.join(" and ") : `${froms.slice(0, 3).join(", ")} and ${froms.length - 3} more`;

const addressOf = (to: string): string => /\(([^)]+)\)$/.exec(to)?.[1] ?? "ADDRESS";
