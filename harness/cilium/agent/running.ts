import type { TunnelDevice } from "#harness/model/mesh-snapshot.ts";

/**
 * Prints what an agent runs with: its tunnel devices, and the copy of cilium-config that was made when its pod started
 * (`cilium-dbg build-config`). A ConfigMap that is mounted instead has `..data`, follows changes, and says nothing.
 */
export const runningCommand: readonly string[] = [
  "sh",
  "-c",
  [
    "echo '# tunnels'; ip -d link show type vxlan; ip -d link show type geneve",
    "echo '# started with'; cd /tmp/cilium/config-map && [ ! -e ..data ] && grep -H -s -d skip '' -- *",
    "true",
  ].join("\n"),
];

/** The same file from the links that bugtool lists. */
export const runningOfLinks = (text: string): string => `# tunnels\n${text}`;

function section(text: string, name: string): string[] {
  const lines = text.split("\n");
  const begin = lines.indexOf(`# ${name}`);
  if (begin < 0) return [];
  const rest = lines.slice(begin + 1);
  const end = rest.findIndex((line) => line === "# tunnels" || line === "# started with");
  return end < 0 ? rest : rest.slice(0, end);
}

/** Cilium's own, of all that `ip -d link` prints. */
export function readTunnelDevices(text: string): TunnelDevice[] {
  const found: { -readonly [K in keyof TunnelDevice]: TunnelDevice[K] }[] = [];
  let device: (typeof found)[number] | undefined;
  for (const line of section(text, "tunnels")) {
    if (line.length > 4096) continue;
    const link = /^\d+: ([^:@\s]+)[^<]*<([A-Z0-9_,-]*)>/.exec(line);
    if (link !== null) {
      const protocol = /^cilium_(vxlan|geneve)$/.exec(link[1] ?? "")?.[1];
      device =
        protocol === undefined
          ? undefined
          : {
              protocol: protocol === "geneve" ? "geneve" : "vxlan",
              up: (link[2] ?? "").split(",").includes("UP"),
            };
      if (device !== undefined) found.push(device);
    }
    const port = /\bdstport (\d{1,5})\b/.exec(line)?.[1];
    if (device !== undefined && port !== undefined) device.port = Number(port);
  }
  return found;
}

/** Empty where it is not known. */
export function readStartedWith(text: string): Record<string, string> {
  const found = new Map<string, string>();
  for (const line of section(text, "started with")) {
    const [, key, value = ""] = /^([-._a-zA-Z0-9]{1,253}):(.*)$/.exec(line) ?? [];
    if (key === undefined) continue;
    const before = found.get(key);
    found.set(key, before === undefined ? value : `${before}\n${value}`);
  }
  return Object.fromEntries(found);
}
