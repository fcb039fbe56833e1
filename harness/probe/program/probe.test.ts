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

/** Probes a server every 20 ms until `report`, which sees each report and all samples so far, writes `stop`. */
async function probed(
  report: (
    news: readonly WireSample[],
    samples: readonly WireSample[],
    write: (line: string) => void,
  ) => void,
): Promise<{ readonly samples: readonly WireSample[]; readonly controls: readonly number[] }> {
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
    report(reported.samples, samples, (text) => prober.write(text));
  });
  expect(await prober.done).toMatchObject({ exitCode: 0 });
  server.close();
  return { samples, controls };
}

const dueSteps = (samples: readonly WireSample[]): number[] => stepsOf(samples.map(([, , dueMs]) => dueMs));

test("requests are sent at a fixed interval, and at a multiple of it after `interval-factor`", async () => {
  const { samples, controls } = await probed((_, all, write) => {
    if (all.length >= 10) write("interval-factor 4");
    // However many a slow machine reports at once.
    if (dueSteps(all).filter((step) => step > 20).length >= 3) write("stop");
  });
  const steps = dueSteps(samples);
  const slow = steps.indexOf(80);
  expect(slow).toBeGreaterThanOrEqual(9);
  expect(new Set(steps.slice(0, slow))).toEqual(new Set([20]));
  expect(new Set(steps.slice(slow))).toEqual(new Set([80]));
  // The control requests, which show trouble of the test machine, keep their interval.
  expect(new Set(stepsOf(controls))).toEqual(new Set([20]));
  expect(samples.every(([, , , , , outcome, pod]) => outcome === "ok" && pod === "pod-a")).toBe(true);
});

test("back at the full rate, a stream waits for no request of the slow one", async () => {
  const { samples } = await probed((news, all, write) => {
    // The next request of this rate would come in 20,000 s.
    if (news.length > 0 && news.length === all.length) write("interval-factor 1000000");
    else if (news.length === 0) write("interval-factor 1");
    else if (dueSteps(all).some((step) => step > 20)) write("stop");
  });
  const steps = dueSteps(samples);
  expect(steps.filter((step) => step !== 20)).toHaveLength(1);
  // On the grid of the full rate.
  expect(steps.every((step) => step % 20 === 0)).toBe(true);
});
