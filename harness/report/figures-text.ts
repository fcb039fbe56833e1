import type { Figure } from "#harness/model/figures.ts";
import {
  accountedText,
  failedText,
  largestText,
  lossyText,
  medianAndLargest,
  medianText,
  noneLost,
} from "./figure-text.ts";

/** The distributions as lines of text, one per scenario and affinity. */
export function figureLines(figures: readonly Figure[]): string[] {
  return figures.map((f) => {
    const { away } = f;
    const application = f.application === undefined ? "" : `, application ${f.application}`;
    const seen =
      away === undefined
        ? "no figure"
        : (noneLost(away) ??
          `lost something in ${lossyText(away)}; outage median ${medianText(away.outageMs)}, largest ${largestText(away.outageMs)}; lost time ${medianAndLargest(f, away.lostTimeMs)}`);
    const extra = [
      `failed: ${failedText(f)}`,
      ...(f.unknown > 0 ? [`${f.unknown} unknown`] : []),
      ...(f.accounted === undefined ? [] : [`accounted for: ${accountedText(f)}`]),
    ];
    return `${f.scenario}, affinity ${f.affinity}${application}: ${seen} [${extra.join(", ")}]`;
  });
}
