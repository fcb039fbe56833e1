import * as Plot from "@observablehq/plot";
import type { Certificate } from "#harness/model/certificate.ts";
import { accent, draw, lossColour } from "./plots.ts";

/**
 * Every path through every phase: red without an answer, dark lines for leaked packets, ticks for changes of the mesh.
 */
export function phasePlot(certificate: Certificate): string {
  let endMs = 0;
  const started = certificate.phases.map((p) => {
    const startMs = endMs;
    endMs += p.durationMs;
    return { ...p, startMs };
  });
  const minutes = (ms: number): number => ms / 60_000;
  const phases = started.map((p, i) => ({
    number: String(i + 1),
    from: minutes(p.startMs),
    to: minutes(p.startMs + p.durationMs),
  }));
  const paths = [...new Set(certificate.phases.flatMap((p) => p.disruptions.map((d) => d.path)))];
  // A gap of a second in an hour would be invisible.
  const leastMinutes = minutes(endMs) / 400;
  const outages = started.flatMap((p) =>
    p.disruptions.flatMap((d) =>
      d.outages.map((o) => {
        const from = minutes(p.startMs + o.afterMs);
        return {
          path: d.path,
          from,
          to: Math.max(minutes(p.startMs + o.afterMs + o.gapMs), from + leastMinutes),
        };
      }),
    ),
  );
  const events = started.flatMap((p) =>
    p.events.map((e) => ({ at: minutes(p.startMs + e.afterMs), what: e.what })),
  );
  const leaks = started.flatMap((p) => p.leaks.map((l) => ({ at: minutes(p.startMs + l.afterMs) })));
  return draw({
    width: 1000,
    height: 110 + 20 * paths.length,
    marginLeft: 330,
    marginRight: 20,
    marginTop: 40,
    x: { label: "minutes since the baseline began", domain: [0, minutes(endMs)], grid: true },
    y: { type: "band", domain: paths, label: null, padding: 0.2 },
    marks: [
      Plot.rectX(
        phases.filter((_, i) => i % 2 === 1),
        { x1: "from", x2: "to", fill: accent, fillOpacity: 0.12 },
      ),
      // Names of short phases would overlap.
      Plot.text(phases, {
        x: (p: (typeof phases)[number]) => (p.from + p.to) / 2,
        frameAnchor: "top",
        dy: -18,
        text: "number",
        fill: "currentColor",
      }),
      Plot.ruleX(events, { x: "at", stroke: "currentColor", strokeOpacity: 0.15 }),
      Plot.barX(outages, { x1: "from", x2: "to", y: "path", fill: lossColour }),
      Plot.ruleX(leaks, { x: "at", stroke: lossColour, strokeWidth: 2 }),
    ],
  });
}
