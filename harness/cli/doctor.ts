import { given } from "#harness/lib/given.ts";
import { paint } from "#harness/platform/output.ts";
import { defineCommand } from "./command.ts";
import { flag, json, registryMirror } from "./options.ts";

const colours = { ok: "green", warn: "yellow", bad: "red" } as const;

export const doctor = defineCommand({
  name: "doctor",
  help: "check the machine; each finding with its remedy",
  options: {
    fix: flag("--fix", "install and start what is missing (Debian, as root)"),
    ...registryMirror,
    ...json,
  },
  async run({ options, session }) {
    const { signal } = session;
    if (options.fix) {
      const { setUpMachine } = await import("#harness/platform/doctor/setup.ts");
      await session.withProgress((progress) => setUpMachine(progress, signal));
    }
    const { examine } = await import("#harness/platform/doctor/doctor.ts");
    const { registryMirror } = options;
    const { spaceForRun } = await import("#harness/lab/image-cache.ts");
    const space = await spaceForRun(signal);
    const findings = await examine({ mustBuild: true, space, signal, ...given({ registryMirror }) });
    process.exitCode = findings.some((f) => f.level === "bad") ? 2 : 0;
    if (options.json) return session.json({ findings });
    for (const { level, name, found, needed, remedy } of findings) {
      session.say(paint(colours[level], level.padEnd(4)), ` ${name}: ${found}`);
      if (level !== "ok") session.say(`       needed: ${needed}`);
      if (level !== "ok" && remedy !== undefined) session.say(`       remedy: ${remedy}`);
    }
  },
});
