import { checkWritable } from "#harness/config/user-file.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { given } from "#harness/lib/given.ts";
import { defineCommand } from "./command.ts";
import { flag, lab, positiveOr, required, secondsOr, text, textOr } from "./options.ts";

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
  },
  async run({ words: [target = ""], options: o, session: { say, signal } }) {
    if (o.out !== undefined) checkWritable(o.out, "--out");
    const [, host, port] = /^(.+):(\d+)$/.exec(target) ?? [];
    if (host === undefined) throw new MeshproofError("usage", `${target} is not of the form host:port`);
    const { probeByHand } = await import("#harness/jobs/probe.ts");
    await probeByHand({
      lab: o.lab,
      from: o.from,
      host,
      port: Number(port),
      path: o.path,
      everyMs: o.every,
      seconds: o.for,
      connection: o.reuse ? "reused" : "new",
      say,
      signal,
      ...given({ out: o.out }),
    });
  },
});
