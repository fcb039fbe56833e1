import { expect, test } from "vitest";
import { isEndpointLine, readEndpointLog } from "./endpoint-log.ts";

const at = "2026-11-21T10:00:31.200Z";
const atMs = Date.parse(at);

test("endpoints that came or went, in text, in JSON and with the time of the container runtime alone", () => {
  const lines = [
    `2026-11-21T10:00:31.200000000Z time=${at} level=info msg="Removed endpoint" ipv4=10.1.1.209 ipv6="" endpointID=4`,
    `{"time":"${at}","level":"INFO","msg":"New endpoint","ipv4":"10.1.1.88","ipv6":"fd00::58"}`,
    `${at} level=info msg="New endpoint" endpointID=4 ipv4=10.1.1.89 ipv6= k8sPodName=a/b subsys=endpoint`,
  ];
  expect(readEndpointLog(lines.join("\n"))).toEqual(
    ["10.1.1.209", "10.1.1.88", "fd00::58", "10.1.1.89"].map((ip) => ({ ip, atMs })),
  );
  expect(lines.every(isEndpointLine)).toBe(true);
});

test("other lines say nothing, also those that quote one", () => {
  const lines = [
    `${at} level=info msg="Rewrote endpoint BPF program" ipv4=10.1.1.209`,
    `${at} level=info msg="something about a New endpoint" ipv4=10.1.1.209`,
    'level=info msg="New endpoint" ipv4=10.1.1.209',
    `${at} msg="New endpoint" ipv4=10.1.1.209 ${"x".repeat(10_000)}`,
  ];
  expect(readEndpointLog(lines.join("\n"))).toEqual([]);
});
