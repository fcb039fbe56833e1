import { given } from "#harness/lib/given.ts";
import type { FirewallRule, Neighbours } from "#harness/model/mesh-snapshot.ts";
import { readNeighbours } from "./neighbours.ts";
import { readNftables } from "./nftables.ts";

/** Chains that Kubernetes, Cilium and Docker manage. */
const ownChains = /^(KUBE|CILIUM|OLD_CILIUM|DOCKER|CNI)/;

/** What stands under one title of the node file; an archive has a title for each file of bugtool. */
const sectionOf = (text: string, title: string): string =>
  text
    .split(/^(?=# (?:firewall|stopped|routing|network|nftables))/m)
    .filter((section) => section.startsWith(`# ${title}\n`))
    .map((section) => section.slice(title.length + 3))
    .join("");

/** Of the node file, and in an archive of what bugtool has in its place. */
export const readNodeNeighbours = (text: string): Neighbours => readNeighbours(sectionOf(text, "network"));

/** Parses the node file of the evidence: firewall rules with counters, routing rules, stopped processes. */
export function readNodeFile(text: string): { rules: FirewallRule[]; stopped: string[] } {
  const rules: FirewallRule[] = [];
  const stopped: string[] = [];
  let section = "";
  let table: string | undefined;
  for (const line of text.split("\n")) {
    if (/^# (firewall|stopped|routing|network|nftables)/.test(line)) {
      section = line;
      table = undefined;
      continue;
    }
    table = /^\*(\w+)$/.exec(line)?.[1] ?? table;
    if (section.startsWith("# stopped") && line.startsWith("T"))
      stopped.push(line.trim().split(/\s+/).slice(2).join(" "));
    const kept = /^\d+:\s+(.*\b(?:blackhole|prohibit|unreachable)\b.*)$/.exec(line)?.[1];
    if (section.startsWith("# routing") && kept !== undefined)
      rules.push({ podIp: "", text: `routing rule ${kept.trim()}`, packets: 0 });
    if (!section.startsWith("# firewall")) continue;
    const [, packets, chain, rest] = /^\[(\d+):\d+\] -A (\S+) (.*)$/.exec(line) ?? [];
    if (chain === undefined || ownChains.test(chain)) continue;
    if (!/-j (DROP|REJECT)\b/.test(line) || /--comment "?(kubernetes|cilium)/i.test(line)) continue;
    const [, podIp = "", pid] = /^# firewall of pod ([\d.]+)(?: pid (\d+))?/.exec(section) ?? [];
    rules.push({
      podIp,
      ...given({ pid: pid === undefined ? undefined : Number(pid), table }),
      text: `${chain} ${rest}`,
      packets: Number(packets),
    });
  }
  return { rules: [...rules, ...readNftables(sectionOf(text, "nftables"))], stopped };
}
