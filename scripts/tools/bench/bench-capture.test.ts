import { expect, test } from "vitest";
import { exampleHistory } from "#harness/model/examples.ts";
import type { Sample } from "#harness/model/history.ts";
import { compareWithCapture, readCapture } from "./bench-capture.ts";

test("a packet counts once, on the interface where it leaves its pod", () => {
  const leaving =
    "1763731200.123456 lxc0a1b2c In  IP 10.1.1.7.8080 > 10.2.0.9.40112: Flags [P.], seq 1:164, length 163: HTTP";
  expect(readCapture(leaving)).toEqual({
    atUnixMs: 1763731200123.456,
    kind: "answer",
    from: "10.1.1.7:8080",
    to: "10.2.0.9:40112",
  });
  expect(readCapture(leaving.replace("[P.]", "[S]"))).toMatchObject({ kind: "syn" });
  expect(readCapture(leaving.replace("lxc0a1b2c In ", "lxc0a1b2c Out"))).toBeUndefined();
  expect(readCapture(leaving.replace("lxc0a1b2c In ", "cilium_vxlan Out"))).toBeUndefined();
  expect(readCapture("tcpdump: listening on any")).toBeUndefined();
});

test("each boundary is compared with the packet that caused it", () => {
  const sample = (seq: number, outcome: Sample["outcome"], cluster?: string): Sample => ({
    seq,
    dueMs: seq * 5,
    sentMs: seq * 5,
    endMs: seq * 5 + 1,
    outcome,
    ...(cluster === undefined ? {} : { cluster }),
  });
  const samples = Array.from({ length: 600 }, (_, i) =>
    i < 310 ? sample(i, "ok", "east") : i < 400 ? sample(i, "refused") : sample(i, "ok", "west"),
  );
  const zero = 1_000_000;
  const history = exampleHistory({
    startedAtUnixMs: zero,
    samples,
    marks: [
      { name: "away", atMs: 1500 },
      // Between a request and its answer.
      { name: "back", atMs: 2900.5 },
    ],
  });
  const backend = (s: Sample): string => (s.cluster === "west" ? "10.2.0.1:8080" : "10.1.0.1:8080");
  // One port towards two backends, as the kernel hands them out.
  const client = (s: Sample): string => `10.1.9.9:${s.cluster === "west" ? 709 - s.seq : s.seq}`;
  // A kept connection that is opened again in vain is no request.
  const kept = { atUnixMs: zero + 2502.4, kind: "syn" as const, from: "10.1.9.9:9", to: "10.2.0.1:8080" };
  const captured = [
    kept,
    ...samples.flatMap((s) => [
      { atUnixMs: zero + s.sentMs + 0.3, kind: "syn" as const, from: client(s), to: backend(s) },
      ...(s.outcome === "ok"
        ? [
            {
              atUnixMs: zero + s.endMs - 0.2,
              kind: "answer" as const,
              from: backend(s),
              to: client(s),
            },
          ]
        : []),
    ]),
  ];
  const { errors, disputed } = compareWithCapture(history, captured, {
    client: "10.1.9.9",
    old: { cluster: "east", has: (ip) => ip.startsWith("10.1.") },
    fresh: { cluster: "west", has: (ip) => ip.startsWith("10.2.") },
  });
  expect(Object.fromEntries(errors.map((e) => [e.boundary, Math.round(e.ms * 10) / 10]))).toEqual({
    "first loss": -0.3,
    "last good": -0.3,
    "lost time": 0,
    "longest gap": 0,
    "last loss": -0.3,
    "last answer of the old side": 0.2,
    "first answer of the new side": 0.2,
  });
  expect(disputed).toEqual([]);
});
