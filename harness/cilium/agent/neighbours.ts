import type { Neighbours } from "#harness/model/mesh-snapshot.ts";

/** Of `ip neigh` and `ip addr`, in any order, IPv4. Cilium's own entries are `extern_learn` and not permanent. */
export function readNeighbours(text: string): Neighbours {
  const permanent: Neighbours["permanent"][number][] = [];
  const own: Neighbours["own"][number][] = [];
  let mac: string | undefined;
  for (const line of text.split("\n")) {
    if (/^\d+: /.test(line)) mac = undefined;
    mac = /^\s+link\/ether ([0-9a-f:]{17})\b/.exec(line)?.[1] ?? mac;
    const ip = /^\s+inet (\d[\d.]+)\//.exec(line)?.[1];
    if (ip !== undefined && mac !== undefined) own.push({ ip, mac });
    const entry = /^(\d[\d.]+) dev (\S+) lladdr ([0-9a-f:]{17}) (.*)$/.exec(line);
    if (entry === null || !/\bPERMANENT\b/.test(entry[4] ?? "") || /extern_learn/.test(entry[4] ?? ""))
      continue;
    permanent.push({ ip: entry[1] ?? "", device: entry[2] ?? "", mac: entry[3] ?? "" });
  }
  return { permanent, own };
}
