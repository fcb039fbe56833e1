import { given } from "#harness/lib/given.ts";
import { defineCommand } from "./command.ts";
import { imageOptions, planOptions } from "./lab-options.ts";
import { flag, labToBuild, type Parsed, setup } from "./options.ts";
import type { Session } from "./session.ts";

type UpOptions = Parsed<typeof labToBuild> & { readonly setup: boolean; readonly keep: boolean };

/** Preflight, then the lab, then the next steps. */
export async function bringUp(o: UpOptions, session: Session): Promise<void> {
  const { planLab } = await import("#harness/config/plan.ts");
  const { mustBuild, preflight } = await import("#harness/lab/preflight.ts");
  const { up } = await import("#harness/lab/up.ts");
  const { newRunId } = await import("#harness/testkit/run-id.ts");
  const { labLines } = await import("./lab-lines.ts");
  const plan = await planLab(planOptions(o));
  const images = await imageOptions(o);
  const { say, signal } = session;
  await session.withProgress(async (progress) => {
    const { registryMirror } = images;
    await preflight({
      plan,
      setup: o.setup,
      mustBuild: await mustBuild(plan, images),
      progress,
      signal,
      ...given({ registryMirror }),
    });
    const result = await up({ plan, runId: newRunId(), images, keep: o.keep, progress, signal });
    say(`lab ${plan.lab}: ${result.did}`);
    if (result.times !== undefined)
      say(
        Object.entries(result.times)
          .map(([k, v]) => `${k}=${Math.round(v)}`)
          .join(" "),
      );
    for (const line of labLines(result.state)) say(line);
  });
}

export const up = defineCommand({
  name: "up",
  help: "create a lab: create clusters, install Cilium, mesh them and wait for the canary service",
  options: {
    ...labToBuild,
    ...setup,
    keep: flag("--keep", "keep a partial lab after a failure or Ctrl-C"),
  },
  run: ({ options, session }) => bringUp(options, session),
});
