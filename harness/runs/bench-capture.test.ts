import { expect, test } from "vitest";
import { readCapture } from "./bench-capture.ts";

test("an answer counts once, where it leaves its pod", () => {
  const leaving =
    "1763731200.123456 lxc0a1b2c In  IP 10.1.1.7.8080 > 10.2.0.9.40112: Flags [P.], seq 1:164, length 163: HTTP";
  expect(readCapture(leaving)).toEqual({ atUnixMs: 1763731200123.456, from: "10.1.1.7", to: "10.2.0.9" });
  expect(readCapture(leaving.replace("lxc0a1b2c In ", "cilium_vxlan Out"))).toBeUndefined();
  expect(readCapture("tcpdump: listening on any")).toBeUndefined();
});
