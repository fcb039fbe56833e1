import { checkWritable } from "#harness/config/user-file.ts";
import type { ProbeResult } from "#harness/jobs/probe.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { given } from "#harness/lib/given.ts";
import { defineCommand } from "./command.ts";
import { flag, json, lab, positiveOr, required, secondsOr, text, textOr } from "./options.ts";

export const probe = defineCommand({
  name: "probe",
  help: "run the suites' open-loop prober by hand, from a pod of the lab",
  arguments: [{ name: "<host:port>", help: "target address, such as a ClusterIP and port" }],
  options: {
    from: required("--from <cluster[/node]>", "the prober pod that sends"),
    path: textOr("--path <path>", "requested HTTP path", "/hostname"),
    every: positiveOr("--every <ms>", "interval between requests", 5),
    for: secondsOr("--for <seconds>", "duration, such as 30s", 10),
    reuse: flag("--reuse", "one kept connection instead of a new connection per request"),
    out: text("--out <file>", "write the whole history to this file (format: reports/README.md)", "files"),
    ...lab,
    ...json,
  },
  async run({ words: [target = ""], options: o, session }) {
    if (o.out !== undefined) checkWritable(o.out, "--out");
    const [, host, port] = /^(.+):(\d+)$/.exec(target) ?? [];
    if (host === undefined) throw new MeshproofError("usage", `${target} is not of the form host:port`);
    const { probeByHand } = await import("#harness/jobs/probe.ts");
    const { say, signal } = session;
    const result = await probeByHand({
      lab: o.lab,
      from: o.from,
      host,
      port: Number(port),
      path: o.path,
      everyMs: o.every,
      seconds: o.for,
      connection: o.reuse ? "reused" : "new",
      onStarted: (from) =>
        say(`probing ${host}:${port}${o.path} from ${from} every ${o.every} ms for ${o.for}s`),
      onInterrupted: () => say("interrupted; results so far:"),
      signal,
      ...given({ out: o.out }),
    });
    if (o.json) {
      await session.json({ ...result, everyMs: o.every, seconds: o.for, ...given({ history: o.out }) });
      return;
    }
    for (const line of await probeLines(result)) say(line);
    if (o.out !== undefined) say(`history: ${o.out}`);
  },
});

async function probeLines(result: ProbeResult): Promise<string[]> {
  const { describeLosses } = await import("#harness/judge/losses.ts");
  const { formatMs } = await import("#harness/lib/clock.ts");
  const { sent, lost, lossOutcomes, lostTimeMs, bursts, longestGapMs, servedBy, prober } = result;
  const most = Object.entries(servedBy).sort(([, a], [, b]) => b - a);
  return [
    `${sent} requests, ${lost} lost${lost === 0 ? "" : ` (${describeLosses(lossOutcomes)})`}`,
    `lost time ${formatMs(lostTimeMs)} in ${bursts} burst${bursts === 1 ? "" : "s"}, longest gap ${formatMs(longestGapMs)}`,
    ...most.map(([pod, n]) => `  ${String(n).padStart(6)} ${pod}`),
    `the prober: 99 % of requests at most ${prober.latenessP99Ms.toFixed(1)} ms late, ${prober.controlLost} of ${prober.controlSent} control requests lost, ${(prober.cpuShare * 100).toFixed(0)} % of a core`,
  ];
}
