import { expect, test } from "vitest";
import { MeshproofError } from "#harness/lib/errors.ts";
import { judgedInTime } from "./in-time.ts";

const signal = new AbortController().signal;
const waiting = { what: "a thing", withinMs: 300, everyMs: 2, signal };
const silent = new MeshproofError("probe-failed", "the prober at east/n1 has been silent for 6.0s");

test("an earlier verdict does not hide a later failure of the prober", async () => {
  let looks = 0;
  const judge = async () => {
    looks += 1;
    if (looks > 1) throw silent;
    return { outcome: "fail" as const, reasons: ["not yet"] };
  };
  await expect(judgedInTime(judge, waiting)).rejects.toMatchObject({ code: "timeout", cause: silent });
  looks = 0;
  const other = async () => {
    looks += 1;
    if (looks > 1) throw new MeshproofError("kube-request", "HTTP 500");
    return { outcome: "fail" as const, reasons: ["not yet"] };
  };
  expect(await judgedInTime(other, waiting)).toMatchObject({ outcome: "fail" });
});

test("a pass in a look that ends after the deadline says nothing", async () => {
  const judge = async () => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    return { outcome: "pass" as const, reasons: [] };
  };
  await expect(judgedInTime(judge, { ...waiting, withinMs: 10 })).rejects.toMatchObject({
    code: "undecided",
  });
});

test("a pass in a look after the deadline is late", async () => {
  let looks = 0;
  const judge = async () =>
    ++looks === 1
      ? { outcome: "fail" as const, reasons: ["not yet"] }
      : { outcome: "pass" as const, reasons: [] };
  const options = { ...waiting, withinMs: 10, everyMs: 1000 };
  await expect(judgedInTime(judge, options)).rejects.toMatchObject({ code: "late" });
});
