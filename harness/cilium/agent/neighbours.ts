import type { Neighbours } from "#harness/model/mesh-snapshot.ts";

/** Devices that Cilium never selects: its own and those of pods (`ExcludedDevicePrefixes`, pkg/defaults@1.20.2). */
const notTheNodes = /^(?:lo|cilium_|lxc|cni|docker)/;

/** Of `ip neigh` and `ip addr`, in any order, IPv4. Cilium's own entries are `extern_learn` and not permanent. */
export function readNeighbours(text: string): Neighbours {
  const permanent: Neighbours["permanent"][number][] = [];
  const own: Neighbours["own"][number][] = [];
  const devices: { readonly name: string; readonly ips: string[]; readonly prefixes: string[] }[] = [];
  let mac: string | undefined;
  let device: (typeof devices)[number] | undefined;
  for (const line of text.split("\n")) {
    const name = /^\d+: ([^:@\s]{1,15})[@:]/.exec(line)?.[1];
    if (/^\d+: /.test(line)) {
      mac = undefined;
      device = name === undefined || notTheNodes.test(name) ? undefined : { name, ips: [], prefixes: [] };
      if (device !== undefined) devices.push(device);
    }
    mac = /^\s+link\/ether ([0-9a-f:]{17})\b/.exec(line)?.[1] ?? mac;
    const [, prefix, ip] = /^\s+inet ((\d[\d.]+)\/\d{1,2})\b/.exec(line) ?? [];
    if (ip !== undefined && mac !== undefined) own.push({ ip, mac });
    if (ip !== undefined && prefix !== undefined) {
      device?.ips.push(ip);
      device?.prefixes.push(prefix);
    }
    const entry = /^(\d[\d.]+) dev (\S+) lladdr ([0-9a-f:]{17}) (.*)$/.exec(line);
    if (entry === null || !/\bPERMANENT\b/.test(entry[4] ?? "") || /extern_learn/.test(entry[4] ?? ""))
      continue;
    permanent.push({ ip: entry[1] ?? "", device: entry[2] ?? "", mac: entry[3] ?? "" });
  }
  return { permanent, own, ...(devices.length === 0 ? {} : { devices }) };
}
