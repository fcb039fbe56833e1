import { withoutDisturbed } from "#harness/judge/persistent-state.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { type DisturbanceOptions, disturbMove } from "#harness/measure/disturbances.ts";
import type { CertificationJournal } from "#harness/model/certification-journal.ts";
import type { PersistentState } from "#harness/model/persistent-state.ts";
import { phasesOf } from "./phases.ts";
import type { Disturbed, Standing } from "./standing.ts";

/**
 * Moves a cluster while the mesh is changed on purpose. The move's own error is the upgrade's; one of the disturbance is
 * the harness's.
 */
export async function disturbedMove(
  move: () => Promise<void>,
  { disturbed, echo, events }: Standing,
  options: Omit<DisturbanceOptions, "echo" | "events">,
): Promise<void> {
  const [moved, made] = await Promise.allSettled([move(), disturbMove({ ...options, echo, events })]);
  if (moved.status === "rejected") throw moved.reason;
  if (made.status === "rejected")
    throw new MeshproofError("probe-failed", `the disturbance failed: ${messageOf(made.reason)}`, {
      cause: made.reason,
    });
  disturbed.push({ cluster: options.cluster.name, pods: made.value.pods });
}

/** The state before a move, without what disturbances replaced since. Every cluster's maps hold the backends of all. */
export function survivors(
  before: ReadonlyMap<string, PersistentState>,
  disturbed: readonly Disturbed[],
): ReadonlyMap<string, PersistentState> {
  if (disturbed.length === 0) return before;
  const podsOf = (cluster: string): string[] =>
    disturbed.filter((d) => d.cluster === cluster).flatMap((d) => d.pods);
  return new Map(
    [...before].map(([cluster, state]) => [cluster, withoutDisturbed(state, podsOf(cluster))] as const),
  );
}

/**
 * What earlier commands disturbed, for a resumed cycle. Which backends they replaced, or restarted with their node, is
 * not known, so none of a cluster that they upgraded is compared; its other pods are on nodes that no disturbance
 * reboots. `deploymentOf`: the name of a cluster's backends.
 */
export function disturbedBefore(
  { settings, done, current, cycle, beginning }: CertificationJournal,
  deploymentOf: (cluster: { readonly name: string }) => string,
): Disturbed[] {
  if (!settings.disturb) return [];
  const interrupted = phasesOf(settings, cycle === 1).find((p) => p.name === current);
  const upgraded = [...done, ...(interrupted === undefined ? [] : [interrupted])].flatMap(({ change }) =>
    change?.to === "new" ? [change.cluster] : [],
  );
  return [...new Set(upgraded)].map((cluster) => ({
    cluster,
    pods: Object.keys(beginning?.persistent[cluster]?.identities ?? {}).filter((pod) =>
      pod.startsWith(`${deploymentOf({ name: cluster })}-`),
    ),
  }));
}
