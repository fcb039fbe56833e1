import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressAt, contains, coveringCidr, overlaps, parseCidr } from "./cidr.ts";
import { distributionOf } from "./distribution.ts";
import { durationMs } from "./duration.ts";
import { describeError, MeshproofError } from "./errors.ts";
import { eventually, notYet, ready } from "./eventually.ts";
import { found } from "./found.ts";
import { holdsName } from "./names.ts";
import { matches } from "./pattern.ts";
import { shuffled } from "./random.ts";
import { Scope } from "./scope.ts";
import { shareBand } from "./shares.ts";
import { answersToSeeAll, quantile } from "./stats.ts";
import { textTable } from "./table.ts";
import { isAtLeast } from "./version.ts";

const signal = new AbortController().signal;

describe("cidr", () => {
  test("the smallest CIDR that contains several", () => {
    expect(coveringCidr(["10.1.0.0/24", "10.1.1.0/24"])).toBe("10.1.0.0/23");
    expect(coveringCidr(["10.1.0.0/24", "10.1.255.0/24"])).toBe("10.1.0.0/16");
    expect(coveringCidr(["10.1.3.0/24"])).toBe("10.1.3.0/24");
    expect(() => coveringCidr([])).toThrow("no CIDR");
  });

  test("finds an overlap in either order", () => {
    const big = parseCidr("10.0.0.0/8");
    const small = parseCidr("10.1.0.0/16");
    expect([overlaps(big, small), overlaps(small, big), overlaps(small, parseCidr("10.2.0.0/16"))]).toEqual([
      true,
      true,
      false,
    ]);
    expect(contains(small, "10.1.255.255")).toBe(true);
    expect(addressAt(parseCidr("172.18.0.0/16"), 256)).toBe("172.18.1.0");
  });

  test.each([
    ["10.1.0.1/16", /host bits set; did you mean 10\.1\.0\.0\/16/],
    ["10.1.0.0", /not of the form/],
    ["300.0.0.0/8", /not a CIDR/],
  ])("refuses %s", (text, message) => {
    expect(() => parseCidr(text)).toThrow(message);
  });
});

describe("eventually", () => {
  test("a timeout contains the last observed state and the number of looks", async () => {
    let n = 0;
    const waiting = eventually(async () => notYet(`look ${++n}`), {
      what: "the end",
      withinMs: 40,
      everyMs: 10,
      signal,
    });
    await expect(waiting).rejects.toThrow(/waited .* for the end \(\d+ looks\); last seen: look \d+/);
  });

  test("a look that throws is repeated", async () => {
    let n = 0;
    const look = async () => {
      if (++n < 3) throw new Error("not so fast");
      return ready(n);
    };
    expect(await eventually(look, { what: "three", withinMs: 1000, everyMs: 1, signal })).toBe(3);
  });

  const seenAtSecond = (everyMs: number) => {
    let n = 0;
    const look = async () => {
      if (++n === 1) return notYet("one of two");
      await new Promise((resolve) => setTimeout(resolve, 60));
      return ready(n);
    };
    return eventually(look, { what: "both", withinMs: 40, everyMs, signal });
  };

  test("a success in a look after the deadline is late, not a pass", async () => {
    await expect(seenAtSecond(1000)).rejects.toMatchObject({
      code: "late",
      message: expect.stringMatching(/^both: seen only after .* \(2 looks\); last seen before: one of two$/),
    });
  });

  test("a success in a look that began before the deadline is neither: the machine was slow to look", async () => {
    await expect(seenAtSecond(1)).rejects.toMatchObject({
      code: "undecided",
      message: expect.stringMatching(
        /^both: seen by a look .*not known.* \(2 looks\); last seen before: one of/,
      ),
    });
  });

  test("an abort ends the wait with its own code", async () => {
    await expect(
      eventually(async () => notYet("x"), {
        what: "never",
        withinMs: 10_000,
        everyMs: 5,
        signal: AbortSignal.timeout(20),
      }),
    ).rejects.toMatchObject({ code: "aborted" });
  });
});

describe("scope", () => {
  test("runs last in first out, continues after errors and reports them together", async () => {
    const order: string[] = [];
    const scope = new Scope();
    scope.defer("first", () => void order.push("first"));
    scope.defer("broken", () => {
      order.push("broken");
      throw new Error("no");
    });
    scope.defer("last", () => void order.push("last"));
    await expect(scope.close()).rejects.toMatchObject({
      code: "cleanup-failed",
      message: expect.stringContaining("broken: no"),
    });
    expect(order).toEqual(["last", "broken", "first"]);
    await scope.close();
    expect(order).toHaveLength(3);
  });
});

describe("statistics", () => {
  test("the computed sample misses a backend no more often than the given probability", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 20 }),
        fc.constantFrom(1e-3, 1e-6, 1e-9),
        (backends, falseAlarm) => {
          const n = answersToSeeAll(backends, falseAlarm);
          expect(backends * (1 - 1 / backends) ** n).toBeLessThanOrEqual(falseAlarm * (1 + 1e-9));
          expect(backends * (1 - 1 / backends) ** (n - 1)).toBeGreaterThan(falseAlarm);
        },
      ),
    );
  });

  test("more answers give a narrower band", () => {
    const width = (n: number): number => (shareBand(n, 0.5, 1e-6).high - shareBand(n, 0.5, 1e-6).low) / n;
    expect(width(400)).toBeLessThan(width(100));
    expect(quantile([3, 1, 2], 0.5)).toBe(2);
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe("names in a message", () => {
  test.each([
    ["KVStoreMesh of west, which", "west", true],
    ["east/lab--west-worker: no answer", "west", false],
    ["missing echo-west-7d9f", "echo-west", true],
    ["10.2.0.11 answered", "10.2.0.1", false],
    ["10.2.0.1:8080 answered", "10.2.0.1", true],
  ])("%s: %s", (text, name, named) => {
    expect(holdsName(text, name)).toBe(named);
  });
});

test("versions are compared by number", () => {
  expect(isAtLeast("v1.12.10", "v1.12.2")).toBe(true);
  expect(isAtLeast("v1.12.1", "v1.12.2")).toBe(false);
  expect(isAtLeast("v1.12.2", "v1.12.2")).toBe(true);
  expect(isAtLeast("1.19.4", "1.19")).toBe(true);
  expect(isAtLeast("2.0.0", "1.19")).toBe(true);
  expect(isAtLeast("1.18.9", "1.19")).toBe(false);
  for (const none of ["", "unknown"]) expect(isAtLeast(none, "1.19")).toBe(false);
});

test.each([
  ["2m11.5s", 131_500],
  ["1h0m0s", 3_600_000],
  ["300ms", 300],
  ["1.5µs", 0.0015],
  ["0s", 0],
  ["soon", undefined],
  ["5", undefined],
  ["1h30", undefined],
  ["5m of rest", undefined],
  ["", undefined],
])("the Go duration %s", (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

test("a missing value is named in the error", () => {
  expect(found(0, "a number")).toBe(0);
  for (const nothing of [undefined, null])
    expect(() => found(nothing, "node of east")).toThrow(
      expect.objectContaining({ code: "value-missing", message: "there is no node of east" }),
    );
});

test("a table for a terminal has no lines, and columns as wide as their widest cell on the screen", () => {
  expect(
    textTable([
      ["cluster", "what"],
      ["east", "routing-mode"],
      ["日本", ""],
    ]),
  ).toEqual(["cluster  what", "east     routing-mode", "日本"]);
  expect(textTable([])).toEqual([""]);
});

test("a seed gives the same order and the same distribution, run after run", () => {
  expect(shuffled([1, 2, 3, 4, 5, 6, 7], 11)).toEqual([1, 2, 5, 3, 6, 7, 4]);
  const observed = [3.1, 9.7, 1.25, 4.5].map((value) => ({ value, censored: false, lab: "a" }));
  const found = { count: 4, labs: 1, median: 3.8, largest: 9.7, censored: 0 };
  expect(distributionOf(observed, 11)).toEqual(found);
});

test.each([
  ["{1} -> {2} > affinity*: (a|b)?", "east -> west > affinity none: (a|b)?", true],
  ["*.yaml", "a/b.yaml", true],
  ["a.c", "abc", false],
  ["a*", "a\nb", true],
  ["a", "ab", false],
])("pattern %j matches %j: %s", (pattern, name, does) => {
  expect(matches(pattern, name, ["east", "west"])).toBe(does);
});

test("an error is described with its code, its remedy and its causes", () => {
  const text = describeError(new MeshproofError("usage", "no", { remedy: "do", cause: new Error("why") }));
  expect(text).toBe("[usage] no\n  remedy: do\n  because: why");
});
