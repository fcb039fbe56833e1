import { isIPv6 } from "node:net";
import type { DeniedPath } from "./standing-paths.ts";

/** One place where packets of denied flows are looked for. */
export interface CapturePlace {
  /** The denied flows that a leak would show here. */
  readonly flows: readonly DeniedPath[];
  /** Addresses of the clients, to their names. */
  readonly names: ReadonlyMap<string, string>;
}

/** The counters of tcpdump, cumulative since its start. */
export interface CaptureCounters {
  readonly captured: number;
  readonly received: number;
  readonly dropped: number;
}

/** Where and how a capture reads packets. */
interface CaptureOptions {
  /** A process in whose network namespace it runs; in the node's own without one. */
  readonly pid?: number | undefined;
  /** A device, or `any`. */
  readonly device: string;
  /** Only what comes in at the device. */
  readonly incoming?: true;
  /** Unbuffered by libpcap, which delays packets. */
  readonly immediate?: true;
  /** The buffer of the kernel, in KiB. */
  readonly bufferKiB: number;
  /** How much is kept of each packet, in bytes. */
  readonly snapBytes: number;
}

/**
 * What runs a capture in a node's container. Its first line is its process id there (`readPid`); its counters come on
 * standard error, which is read with its packets.
 */
export function captureCommand(filter: string, options: CaptureOptions): string[] {
  const { pid, device, incoming, immediate, bufferKiB, snapBytes } = options;
  return [
    ...["sh", "-c", 'echo "pid $$"; exec "$@" 2>&1', "capture"],
    ...(pid === undefined ? [] : ["nsenter", "-t", String(pid), "-n"]),
    ...["tcpdump", ...(immediate === true ? ["--immediate-mode"] : [])],
    ...["-B", String(bufferKiB), "-s", String(snapBytes), "-i", device],
    ...(incoming === true ? ["-Q", "in"] : []),
    ...["-nn", "-tt", "-l", filter],
  ];
}

/** Of leaks: a delayed packet would be counted in no phase, and a busy machine does not fill 4 MiB with headers. */
export const leakCapture = {
  ...{ device: "eth0", immediate: true, bufferKiB: 4096, snapBytes: 128 },
} as const satisfies CaptureOptions;

/** The first line of a capture. */
export function readPid(line: string): number | undefined {
  const pid = /^pid (\d+)$/.exec(line)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/**
 * TCP by the ports that only denied flows use, UDP by the token at the beginning of its payload: whatever the source
 * address, over IPv4 and IPv6. For a place outside the pod also by the destination.
 */
export function captureFilter(flows: readonly DeniedPath[], outside: boolean): string {
  const ports = [...new Set(flows.filter((f) => f.connection === "new").map((f) => f.port))];
  const tokens = [...new Set(flows.flatMap((f) => (f.token === undefined ? [] : [tokenOf(f.token)])))];
  const terms = [
    ...ports.map((port) => `tcp dst port ${port}`),
    ...tokens.flatMap((token) => [udp4(token), udp6(token)]),
  ];
  const hosts = outside ? [...new Set(flows.map((f) => f.host))] : [];
  const to = hosts.map((host) => `dst host ${host}`).join(" or ");
  return to === "" ? `(${terms.join(" or ")})` : `((${to}) and (${terms.join(" or ")}))`;
}

/** The length of a token in bytes, which a filter compares in two words. */
export const tokenBytes = 8;
const tokenOf = (text: string): string => text.slice(0, tokenBytes);

/** The payload begins after the 8 bytes of the UDP header. */
const udp4 = (token: string): string => `(udp[8:4] = ${word(token, 0)} and udp[12:4] = ${word(token, 4)})`;

/** `udp[]` is for IPv4 alone; behind 40 bytes of IPv6, without extension headers. */
const udp6 = (token: string): string =>
  `(ip6[6] = 17 and ip6[48:4] = ${word(token, 0)} and ip6[52:4] = ${word(token, 4)})`;

const word = (token: string, at: number): string =>
  `0x${Buffer.from(token, "latin1")
    .subarray(at, at + 4)
    .toString("hex")}`;

export interface CapturedPacket {
  readonly atUnixMs: number;
  readonly from: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly isIPv6: boolean;
}

/** One packet of `tcpdump -nn -tt`: `1764000000.5 IP 10.1.0.5.40000 > 10.2.0.7.8100: Flags [S], ...` */
export function readPacket(line: string): CapturedPacket | undefined {
  const [, at, from = "", port, rest = ""] =
    /^(\d+\.\d+) IP6? ([0-9a-f.:]+)\.\d+ > [0-9a-f.:]+\.(\d+): (.*)$/.exec(line) ?? [];
  if (at === undefined) return undefined;
  return {
    atUnixMs: Number(at) * 1000,
    from,
    protocol: rest.startsWith("Flags") ? "tcp" : "udp",
    port: Number(port),
    isIPv6: isIPv6(from),
  };
}

/** What tcpdump reports on SIGUSR1: `tcpdump: 3 packets captured, 3 packets received by filter, 0 packets dropped by kernel`. */
export function readCounters(line: string): CaptureCounters | undefined {
  const [, captured, received, dropped] =
    /(\d+) packets? captured, (\d+) packets? received by filter, (\d+) packets? dropped by kernel/.exec(
      line,
    ) ?? [];
  if (captured === undefined) return undefined;
  const more = /(\d+) packets? dropped by interface/.exec(line)?.[1] ?? "0";
  return {
    captured: Number(captured),
    received: Number(received),
    dropped: Number(dropped) + Number(more),
  };
}

/** Why a window's capture is incomplete, from its drops up to the window's beginning and up to its end. */
export function dropsIn(capture: string, before: number, now: number): string[] {
  const dropped = now - before;
  if (dropped === 0) return [];
  // Its counters only grow, so a smaller one is of another capture.
  if (dropped < 0) return [`the counters of the capture at ${capture} began anew, so a leak may be missing`];
  return [
    `the capture at ${capture} dropped ${dropped} packet${dropped === 1 ? "" : "s"}, so a leak may be missing`,
  ];
}

/** The names of a leaked packet's two ends. */
export function endsOf(
  packet: CapturedPacket,
  { flows, names }: CapturePlace,
): { readonly from: string; readonly to: string } {
  const kind = packet.protocol === "tcp" ? "new" : "udp";
  const possible = flows.filter(
    (f) => f.connection === kind && f.port === packet.port && isIPv6(f.host) === packet.isIPv6,
  );
  const clients = [...new Set(possible.map((f) => f.client))];
  const byAddress = names.get(packet.from);
  // A port has one client; a token is everybody's, so an address that was translated leaves the client open.
  const client = clients.length === 1 ? clients[0] : byAddress;
  const own = byAddress !== undefined && byAddress === client;
  return {
    from: own ? byAddress : `${client ?? "a denied client"} by address ${packet.from}`,
    to: `${possible[0]?.server ?? "a server"} (${packet.protocol}${packet.isIPv6 ? ", IPv6" : ""})`,
  };
}
