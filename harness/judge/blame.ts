import { isTestMachineError, mayComeOfSlowness } from "#harness/lib/errors.ts";
import type { History } from "#harness/model/history.ts";
import { passed, unknownBecause, type Verdict } from "#harness/model/verdict.ts";
import { type RigThresholds, rigFacts, rigTroubles } from "./rig.ts";

/** What went wrong with the test machine in the interval of a test or a set-up, in words. */
export interface MachineTroubles {
  /** By the host's samples. An interval without a sample has none: it excuses nothing. */
  readonly host: readonly string[];
  /** By probers of that interval: requests that left late, control requests that were lost. */
  readonly control: readonly string[];
}

/**
 * Whether a test or a set-up that ended with these errors (none: it passed) is `unknown` or counts:
 * - host samples that show trouble spoil every verdict, also a pass;
 * - errors that are all of the test machine (`probe-failed`, also inside a wait that timed out) tell nothing of the mesh;
 * - timeouts and requests to API servers are excused by probers' trouble too, as both wait for the same processors;
 * - everything else is a failure.
 * The reasons are those of the machine alone; who reports adds the errors' own messages.
 */
export function judgeErrors(errors: readonly unknown[], troubles: MachineTroubles): Verdict {
  const host = troubles.host.map(machineReason);
  if (host.length > 0) return unknownBecause(host);
  if (errors.length === 0) return passed;
  if (errors.every(isTestMachineError)) return unknownBecause([]);
  if (troubles.control.length > 0 && errors.every(mayComeOfSlowness))
    return unknownBecause(troubles.control.map(machineReason));
  return { outcome: "fail", reasons: [] };
}

const machineReason = (text: string): string => `the test machine was disturbed: ${text}`;

/** A prober that just started shares the processors with the programs that start beside it. */
const startingMs = 1000;

/** What a prober's record alone says against the test machine. One without a control request says nothing. */
export function controlTroubles(
  history: Pick<History, "vantage" | "samples" | "control">,
  limits: RigThresholds,
): string[] {
  const facts = rigFacts(history, startingMs);
  return facts.controlSent === 0 ? [] : rigTroubles(history.vantage, facts, limits);
}
