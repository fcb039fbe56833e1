import * as Plot from "@observablehq/plot";
import type { Certificate } from "#harness/model/certificate.ts";
import { accent, draw, lossColour } from "./plots.ts";

/**
 * One cycle: every path that lost something through every phase. Red without an answer, dark lines for leaked packets,
 * ticks for changes of the mesh, grey where traffic was not measured.
 */
export function phasePlot(certificate: Certificate, cycle: number): string {
  const isOf = (p: { readonly cycle: number }): boolean => p.cycle === cycle;
  const phases = certificate.phases.filter(isOf);
  const windows = certificate.suiteWindows.filter(isOf);
  const interruptions = certificate.cycles.filter(isOf).flatMap((c) => c.interruptions);
  const minutes = (ms: number): number => ms / 60_000;
  const span = (p: { readonly startMs: number; readonly durationMs: number }) => ({
    from: minutes(p.startMs),
    to: minutes(p.startMs + p.durationMs),
  });
  const endMinutes = Math.max(0.1, ...[...phases, ...windows, ...interruptions].map((p) => span(p).to));
  const lossy = phases.flatMap((p) => p.disruptions.filter((d) => d.outages.length > 0).map((d) => d.path));
  const paths = [...new Set(lossy)];
  // A gap of a second in an hour would be invisible.
  const least = endMinutes / 400;
  const outages = phases.flatMap((p) =>
    p.disruptions.flatMap((d) =>
      d.outages.map((o) => {
        const from = minutes(p.startMs + Math.max(0, o.afterMs));
        return { path: d.path, from, to: Math.max(from + minutes(o.gapMs), from + least) };
      }),
    ),
  );
  const all = [...phases, ...windows];
  const events = all.flatMap((p) => p.events.map((e) => ({ at: minutes(p.startMs + e.afterMs) })));
  const leaks = all.flatMap((p) => p.leaks.map((l) => ({ at: minutes(p.startMs + l.afterMs) })));
  const numbers = phases.map((p, i) => ({ ...span(p), number: String(i + 1) }));
  return draw({
    width: 1000,
    height: 110 + 20 * paths.length,
    marginLeft: 330,
    marginRight: 20,
    marginTop: 40,
    x: { label: "minutes since the baseline began", domain: [0, endMinutes], grid: true },
    y: { type: "band", domain: paths, label: null, padding: 0.2 },
    marks: [
      Plot.rectX(phases.filter((p) => p.change !== null).map(span), {
        x1: "from",
        x2: "to",
        fill: accent,
        fillOpacity: 0.15,
      }),
      Plot.rectX([...windows, ...interruptions].map(span), {
        x1: "from",
        x2: "to",
        fill: "currentColor",
        fillOpacity: 0.2,
      }),
      // Names of short phases would overlap.
      Plot.text(numbers, {
        x: (p: (typeof numbers)[number]) => (p.from + p.to) / 2,
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
