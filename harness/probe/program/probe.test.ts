import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ProbeLine, ProbeSpec, WireSample } from "#harness/model/probe-wire.ts";
import { spawnLines } from "#harness/platform/command.ts";

function stepsOf(timesMs: readonly number[]): number[] {
  const [first = Number.NaN, ...others] = timesMs.toSorted((a, b) => a - b);
  let lastMs = first;
  return others.map((ms) => {
    const step = Math.round(ms - lastMs);
    lastMs = ms;
    return step;
  });
}

test("requests are sent at a fixed interval, and at a multiple of it after `interval-factor`", async () => {
  const server = createServer((_request, response) => response.end("pod-a"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const spec: ProbeSpec = {
    mark: "test",
    streams: [{ host: "127.0.0.1", port, path: "/", everyMs: 20, timeoutMs: 60_000, connection: "new" }],
    controlEveryMs: 20,
  };
  const samples: WireSample[] = [];
  const controls: number[] = [];
  const program = join(import.meta.dirname, "main.ts");
  const prober = spawnLines(process.execPath, [program, "probe", JSON.stringify(spec)], (line) => {
    const reported = JSON.parse(line) as ProbeLine;
    if (!("samples" in reported)) return;
    samples.push(...reported.samples);
    controls.push(...reported.control.map(([, dueMs]) => dueMs));
    if (samples.length >= 10) prober.write("interval-factor 4");
    // However many a slow machine reports at once.
    const slow = stepsOf(samples.map(([, , dueMs]) => dueMs)).filter((step) => step > 20);
    if (slow.length >= 3) prober.write("stop");
  });
  expect(await prober.done).toMatchObject({ exitCode: 0 });
  server.close();
  const steps = stepsOf(samples.map(([, , dueMs]) => dueMs));
  const slow = steps.indexOf(80);
  expect(slow).toBeGreaterThanOrEqual(9);
  expect(new Set(steps.slice(0, slow))).toEqual(new Set([20]));
  expect(new Set(steps.slice(slow))).toEqual(new Set([80]));
  // The control requests, which show trouble of the test machine, keep their interval.
  expect(new Set(stepsOf(controls))).toEqual(new Set([20]));
  expect(samples.every(([, , , , , outcome, pod]) => outcome === "ok" && pod === "pod-a")).toBe(true);
});

test("back at the full rate, a stream waits for no request of the slow one", async () => {
  const server = createServer((_request, response) => response.end("pod-a"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const spec: ProbeSpec = {
    mark: "test",
    streams: [{ host: "127.0.0.1", port, path: "/", everyMs: 20, timeoutMs: 60_000, connection: "new" }],
    controlEveryMs: 20,
  };
  const samples: WireSample[] = [];
  const program = join(import.meta.dirname, "main.ts");
  const prober = spawnLines(process.execPath, [program, "probe", JSON.stringify(spec)], (line) => {
    const reported = JSON.parse(line) as ProbeLine;
    if (!("samples" in reported)) return;
    // The next request of this rate would come in 20,000 s.
    if (samples.length === 0 && reported.samples.length > 0) prober.write("interval-factor 1000000");
    else if (reported.samples.length === 0) prober.write("interval-factor 1");
    samples.push(...reported.samples);
    if (reported.samples.length > 0 && samples.some((_, i) => i > 0 && gapBefore(samples, i) > 20))
      prober.write("stop");
  });
  expect(await prober.done).toMatchObject({ exitCode: 0 });
  server.close();
  const steps = stepsOf(samples.map(([, , dueMs]) => dueMs));
  expect(steps.filter((step) => step !== 20)).toHaveLength(1);
  // On the grid of the full rate.
  expect(steps.every((step) => step % 20 === 0)).toBe(true);
});

const gapBefore = (samples: readonly WireSample[], i: number): number =>
  (samples[i]?.[2] ?? 0) - (samples[i - 1]?.[2] ?? 0);
