import { found } from "#harness/lib/found.ts";
import { hundredths } from "#harness/lib/stats.ts";
import type { Losses, Point } from "#harness/model/loss-record.ts";
import {
  type Boundary,
  type Disturbance,
  type Measurement,
  methodVersion,
  type VantageFigures,
} from "#harness/model/measurement.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { type ControlPlane, combineJudgements, firstAnswerMs, judgePoint } from "./failover.ts";
import { answersOf, disturbanceOf, type LossFacts, lossFacts } from "./losses.ts";
import { phasesOf, seenAfterMs } from "./phases.ts";
import { figureTroubles } from "./rig.ts";

/** The losses of a measurement that no run has named yet. */
export type UnnamedLosses = Omit<Losses, "format" | "runId" | "at">;

/** What losses alone show; kept connections and the processor time of all probers are measured beside them. */
export type LossFigures = Pick<
  Measurement,
  | "method"
  | "scenario"
  | "affinity"
  | "struck"
  | "client"
  | "heldForMs"
  | "machineTroubles"
  | "undecided"
  | "before"
  | "away"
  | "back"
  | "phases"
  | "others"
> & { readonly prober: Omit<Measurement["prober"], "allCpuShare"> };

/**
 * The figures and the verdict of one measurement by the present method. A failure at one vantage point stands, whatever
 * the test machine did to another; a prober that was disturbed makes the verdict unknown only if nothing failed.
 */
export function judgeLosses(losses: UnnamedLosses): {
  readonly figures: LossFigures;
  readonly verdict: Verdict;
} {
  const { points, scenario, affinity, struck, client, faultUnixMs, healingUnixMs, unreturned } = losses;
  const [main, ...others] = points;
  const point = found(main, "main vantage point of the measurement");
  const of = factsOf(point);
  const controlPlane = controlPlaneOf(losses);
  const { undecided, ...ofPoints } = combineJudgements(
    points.map((p) => judgePoint(p, losses.rig, controlPlane)),
  );
  const verdict = combine([ofPoints, failedBecause(unreturned ?? [])]);
  return {
    figures: {
      ...{ method: methodVersion, scenario, affinity, struck, client },
      heldForMs: hundredths(healingUnixMs - faultUnixMs),
      machineTroubles: points.flatMap(figureTroubles),
      ...(undecided && verdict.outcome === "unknown" ? { undecided: [...verdict.reasons] } : {}),
      before: answersOf(of.before),
      ...disturbancesOf(point),
      phases: phasesOf(
        losses.chain,
        { ...of.away, firstNewMs: firstAnswerMs(point.away, point.expected.move?.to ?? []) },
        {
          ...{ faultUnixMs, healingUnixMs },
          proberZeroUnixMs: point.startedAtUnixMs,
          proberErrorMs: point.clockErrorMs,
        },
      ),
      others: others.map(vantageFigures),
      prober: {
        latenessP99Ms: latenessOf(point),
        cpuShare: hundredths(point.cpuShare),
        everyMs: point.everyMs,
        sent: of.before.sent + of.away.sent + of.back.sent,
      },
    },
    verdict,
  };
}

function controlPlaneOf({ chain, faultUnixMs, healingUnixMs }: UnnamedLosses): ControlPlane {
  const boundary = "EndpointSlice changed";
  const seen = (of: Boundary): number | undefined => seenAfterMs(chain, of, { faultUnixMs, healingUnixMs });
  // A watch that broke reports late; every other link is an effect of the change.
  const effects = chain.path.flatMap((link) => seen(link.boundary) ?? []);
  return {
    announcedMs: seen(boundary) === undefined ? undefined : Math.min(...effects),
    delayMs: chain.path.find((l) => l.boundary === boundary)?.errorMs ?? 0,
  };
}

function factsOf({ before, away, back, everyMs }: Point): Record<"before" | "away" | "back", LossFacts> {
  return {
    before: lossFacts(before, { everyMs }),
    away: lossFacts(away, { everyMs, before }),
    back: lossFacts(back, { everyMs, before: away }),
  };
}

function disturbancesOf(point: Point): { readonly away: Disturbance; readonly back: Disturbance } {
  const { away, back } = factsOf(point);
  return { away: disturbanceOf(point.away, away), back: disturbanceOf(point.back, back) };
}

/** Of the worse of the two windows. */
const latenessOf = ({ away, back }: Point): number =>
  Math.max(0, away.prober.latenessP99Ms ?? 0, back.prober.latenessP99Ms ?? 0);

function vantageFigures(point: Point): VantageFigures {
  const { away, back } = disturbancesOf(point);
  const { title, cluster, everyMs } = point;
  return {
    ...away,
    ...{ title, cluster, everyMs },
    latenessP99Ms: latenessOf(point),
    back,
    before: answersOf(factsOf(point).before),
  };
}
