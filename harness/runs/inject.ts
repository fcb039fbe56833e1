import { pause } from "#harness/core/eventually.ts";
import { healFirewalls } from "#harness/fault/firewall.ts";
import { faultNamed } from "#harness/fault/index.ts";
import { requireLab } from "#harness/lab/lab.ts";
import { Mesh } from "#harness/mesh/mesh.ts";

/** A fault by hand: takes hold, lasts, is healed, also on Ctrl-C. */
export async function injectByHand(options: {
  readonly lab: string;
  readonly fault: string;
  readonly seconds: number;
  readonly namespace?: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<void> {
  const fault = faultNamed(options.fault);
  const mesh = new Mesh(await requireLab(options.lab));
  await using injected = await fault.inject({
    mesh,
    signal: options.signal,
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
  });
  options.say(`${fault.name}: ${fault.does} (${injected.subject}); healing in ${options.seconds}s`);
  await pause(options.seconds * 1000, options.signal).catch(() => options.say("interrupted: healing now"));
  await injected.heal();
  options.say("healed");
}

/** Takes what a killed `inject` left in the nodes' firewalls. */
export async function healByHand(
  lab: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const mesh = new Mesh(await requireLab(lab));
  const healed: string[] = [];
  for (const cluster of mesh.clusters) {
    for (const node of await cluster.nodes())
      if (await healFirewalls(node.name, signal)) healed.push(node.name);
  }
  say(healed.length === 0 ? "no rule of ours stood on any node" : `healed ${healed.join(", ")}`);
}
