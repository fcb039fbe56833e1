import { expect, test } from "vitest";
import {
  captureCommand,
  captureFilter,
  dropsIn,
  endsOf,
  leakCapture,
  readCounters,
  readPacket,
  readPid,
} from "./capture.ts";
import { exampleFacts } from "./example-facts.ts";
import { deniedPaths } from "./standing-paths.ts";

const denied = deniedPaths(exampleFacts({ dualStack: true }), "mp012345");
const at = (server: string) => denied.filter((f) => f.server === server);
const place = (server: string) => ({
  flows: at(server),
  names: new Map([
    ["10.1.0.1", "east/denied"],
    ["10.2.0.1", "west/denied"],
  ]),
});

test("a filter knows TCP by the ports of denied flows, and UDP of both families by the token, whatever the source", () => {
  const filter = captureFilter(at("west/server"), false);
  expect(filter).toBe(
    "(tcp dst port 8120 or tcp dst port 8121 or (udp[8:4] = 0x6d703031 and udp[12:4] = 0x32333435) or (ip6[6] = 17 and ip6[48:4] = 0x6d703031 and ip6[52:4] = 0x32333435))",
  );
  expect(filter).not.toContain("src");
});

test("a server outside the clusters is watched where its packets leave the client's node, by its address", () => {
  const filter = captureFilter(at("outside of east"), true);
  expect(filter).toMatch(/^\(\(dst host 172\.18\.0\.9\) and \(tcp dst port 8140 or /);
});

test("a capture reports its process id, and its two outputs are one", () => {
  const shell = ["sh", "-c", 'echo "pid $$"; exec "$@" 2>&1', "capture"];
  const options = "--immediate-mode -B 4096 -s 128 -i eth0 -nn -tt -l".split(" ");
  expect(captureCommand("tcp", { ...leakCapture, pid: 42 })).toEqual([
    ...[...shell, "nsenter", "-t", "42", "-n", "tcpdump", ...options, "tcp"],
  ]);
  const all = { device: "any", incoming: true, bufferKiB: 65_536, snapBytes: 160 } as const;
  expect(captureCommand("udp", all)).toEqual([
    ...[...shell, "tcpdump", ..."-B 65536 -s 160 -i any -Q in -nn -tt -l".split(" "), "udp"],
  ]);
  expect(readPid("pid 4711")).toBe(4711);
  expect(readPid("listening on eth0")).toBeUndefined();
});

test.each([
  [
    "1764000000.500000 IP 10.1.0.1.40000 > 10.2.0.11.8120: Flags [S], seq 1, win 64240, length 0",
    { from: "east/denied", to: "west/server (tcp)" },
  ],
  [
    "1764000000.500000 IP 172.18.0.3.61000 > 10.2.0.11.8120: Flags [S], seq 1, win 64240, length 0",
    { from: "east/denied by address 172.18.0.3", to: "west/server (tcp)" },
  ],
  [
    "1764000000.500000 IP 10.2.0.1.50000 > 10.2.0.11.8082: UDP, length 23",
    { from: "west/denied", to: "west/server (udp)" },
  ],
  [
    "1764000000.500000 IP 172.18.0.3.61000 > 10.2.0.11.8082: UDP, length 23",
    { from: "a denied client by address 172.18.0.3", to: "west/server (udp)" },
  ],
  [
    "1764000000.500000 IP6 fd00::3.61000 > fd00:2::11.8120: Flags [S], seq 1, win 64800, length 0",
    { from: "east/denied by address fd00::3", to: "west/server (tcp, IPv6)" },
  ],
])("%s", (line, ends) => {
  const packet = readPacket(line);
  expect(packet === undefined ? undefined : endsOf(packet, place("west/server"))).toEqual(ends);
});

test("the counters of a capture are read from its report; other output is neither", () => {
  expect(
    readCounters("tcpdump: 1 packet captured, 12 packets received by filter, 3 packets dropped by kernel"),
  ).toEqual({ captured: 1, received: 12, dropped: 3 });
  expect(
    readCounters(
      "tcpdump: 0 packets captured, 0 packets received by filter, 1 packet dropped by kernel, 2 packets dropped by interface",
    )?.dropped,
  ).toBe(3);
  expect(readCounters("tcpdump: listening on eth0, link-type EN10MB")).toBeUndefined();
});

test("a window's capture is incomplete by the packets that it dropped since the window began", () => {
  expect(dropsIn("west/server", 3, 3)).toEqual([]);
  expect(dropsIn("west/server", 3, 4)).toEqual([
    "the capture at west/server dropped 1 packet, so a leak may be missing",
  ]);
  expect(dropsIn("west/server", 3, 0)[0]).toContain("began anew");
});
