import { isTestMachineError, mayComeOfSlowness } from "#harness/lib/errors.ts";
import type { History } from "#harness/model/history.ts";
import { passed, unknownBecause, type Verdict } from "#harness/model/verdict.ts";
import { type RigThresholds, rigFacts, rigTroubles } from "./rig.ts";

/** What went wrong with the test machine in the interval of a test or a set-up, as sentences. */
export interface MachineTroubles {
  /** By the host's samples. */
  readonly host: readonly string[];
  /** Parts of the interval without a sample of the host: they show no trouble and excuse no error. */
  readonly unsampled?: readonly string[];
  /** By probers of that interval: requests sent late, and lost control requests. */
  readonly control: readonly string[];
}

/**
 * Whether a test or set-up that ended with these errors (none: it passed) is `unknown` or counts:
 * - host samples that show trouble make every verdict unknown, even a pass;
 * - an interval without host samples is not judged: a pass becomes unknown, while an error stands;
 * - errors of the test machine alone (`probe-failed`, also inside a wait that timed out) say nothing about the mesh;
 * - prober trouble also excuses timeouts and failed API requests, because both wait for the same processors;
 * - everything else is a failure.
 * The reasons are those of the machine alone; the caller adds the errors' messages.
 */
export function judgeErrors(errors: readonly unknown[], troubles: MachineTroubles): Verdict {
  const host = troubles.host.map(machineReason);
  if (host.length > 0) return unknownBecause(host);
  if (errors.length === 0)
    return troubles.unsampled === undefined || troubles.unsampled.length === 0
      ? passed
      : unknownBecause(troubles.unsampled.map((text) => `not judged: ${text}`));
  if (errors.every(isTestMachineError)) return unknownBecause([]);
  if (troubles.control.length > 0 && errors.every(mayComeOfSlowness))
    return unknownBecause(troubles.control.map(machineReason));
  return { outcome: "fail", reasons: [] };
}

const machineReason = (text: string): string => `the test machine was disturbed: ${text}`;

/** A prober that just started shares the processors with programs that start at the same time. */
export const startingMs = 1000;

/** Trouble of the test machine that a prober's record shows. A record without control requests shows none. */
export function controlTroubles(
  history: Pick<History, "vantage" | "samples" | "control">,
  limits: RigThresholds,
): string[] {
  const facts = rigFacts(history, startingMs);
  return facts.controlSent === 0 ? [] : rigTroubles(history.vantage, facts, limits);
}
