import { given } from "#harness/lib/given.ts";
import type { Neighbours } from "#harness/model/mesh-snapshot.ts";

/** Devices that Cilium never selects: its own and those of pods (`ExcludedDevicePrefixes`, pkg/defaults@1.20.2). */
const notTheNodes = /^(?:lo|cilium_|lxc|cni|docker)/;

interface Device {
  readonly name: string;
  readonly ips: string[];
  readonly prefixes: string[];
  readonly mtu?: number;
}

function mtuIn(line: string): number | undefined {
  const mtu = / mtu (\d{1,6})\b/.exec(line)?.[1];
  return mtu === undefined ? undefined : Number(mtu);
}

/** A line of `ip addr` that begins a device; undefined for one that Cilium never selects. */
function deviceOf(line: string): Device | undefined {
  const name = /^\d+: ([^:@\s]{1,15})[@:]/.exec(line)?.[1];
  if (name === undefined || notTheNodes.test(name)) return undefined;
  return { name, ips: [], prefixes: [], ...given({ mtu: mtuIn(line) }) };
}

/**
 * Of `ip neigh`, `ip addr` and `ip route`, in any order, IPv4. Cilium's own entries are `extern_learn` and not
 * permanent.
 */
export function readNeighbours(text: string): Neighbours {
  const permanent: Neighbours["permanent"][number][] = [];
  const own: Neighbours["own"][number][] = [];
  const devices: Device[] = [];
  let routeMtu: number | undefined;
  let mac: string | undefined;
  let device: Device | undefined;
  for (const line of text.split("\n")) {
    if (/^\d+: /.test(line)) {
      mac = undefined;
      device = deviceOf(line);
      if (device !== undefined) devices.push(device);
    }
    // Routes to pods of other nodes leave room for the headers of tunnels and encryption.
    if (/^\d[\d.]+\/\d+ .*\bdev cilium_host /.test(line)) routeMtu ??= mtuIn(line);
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
  return {
    permanent,
    own,
    ...given({ devices: devices.length === 0 ? undefined : devices, routeMtu }),
  };
}
