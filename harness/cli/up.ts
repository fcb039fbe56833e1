import type { UpResult } from "#harness/lab/up.ts";
import { given } from "#harness/lib/given.ts";
import { defineCommand } from "./command.ts";
import { imageOptions, planOptions } from "./lab-options.ts";
import { flag, json, labToBuild, type Parsed, setup } from "./options.ts";
import type { Session } from "./session.ts";

type UpOptions = Parsed<typeof labToBuild> & { readonly setup: boolean; readonly keep: boolean };

/** Preflight, then the lab. */
export async function bringUp(o: UpOptions, { signal, withProgress }: Session): Promise<UpResult> {
  const { planLab } = await import("#harness/config/plan.ts");
  const { mustBuild, preflight } = await import("#harness/lab/preflight.ts");
  const { up } = await import("#harness/lab/up.ts");
  const { newRunId } = await import("#harness/testkit/run-id.ts");
  const plan = await planLab(planOptions(o));
  const images = await imageOptions(o);
  return withProgress(async (progress) => {
    const { registryMirror } = images;
    await preflight({
      plan,
      setup: o.setup,
      mustBuild: await mustBuild(plan, images),
      progress,
      signal,
      ...given({ registryMirror }),
    });
    return up({ plan, runId: newRunId(), images, keep: o.keep, progress, signal });
  });
}

/** What a person does next with a lab that came up. */
export async function sayUp({ state, did, times }: UpResult, say: Session["say"]): Promise<void> {
  const { labLines } = await import("./lab-lines.ts");
  say(`lab ${state.lab}: ${did}`);
  if (times !== undefined)
    say(
      Object.entries(times)
        .map(([k, v]) => `${k}=${Math.round(v)}`)
        .join(" "),
    );
  for (const line of labLines(state)) say(line);
}

export const up = defineCommand({
  name: "up",
  help: "create a lab: create clusters, install Cilium, mesh them and wait for the canary service",
  options: {
    ...labToBuild,
    ...setup,
    keep: flag("--keep", "keep a partial lab after a failure or Ctrl-C"),
    ...json,
  },
  async run({ options, session }) {
    const result = await bringUp(options, session);
    if (!options.json) return sayUp(result, session.say);
    const { labClusters } = await import("./lab-lines.ts");
    const { state, did, times } = result;
    await session.json({ lab: state.lab, did, ...given({ times }), clusters: labClusters(state) });
  },
});
