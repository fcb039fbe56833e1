import * as Plot from "@observablehq/plot";
import { type Certificate, leastMeasuredShare } from "#harness/model/certificate.ts";
import { accent, draw, lossColour } from "./plots.ts";

interface Span {
  readonly row: string;
  readonly from: number;
  readonly to: number;
}

const minutes = (ms: number): number => ms / 60_000;
const rowOf = (cycle: number): string => `cycle ${cycle}`;

/** Every cycle a row: its moves shaded, what was lost red, and grey whatever was not measured. */
export function cyclePlot(c: Certificate): string {
  const span = (p: {
    readonly cycle: number;
    readonly startMs: number;
    readonly durationMs: number;
  }): Span => ({
    row: rowOf(p.cycle),
    from: minutes(p.startMs),
    to: minutes(p.startMs + p.durationMs),
  });
  const interruptions = c.cycles.flatMap(({ cycle, interruptions: of }) => of.map((i) => ({ ...i, cycle })));
  const all = [...c.phases, ...c.suiteWindows, ...interruptions].map(span);
  const endMinutes = Math.max(0.1, ...all.map((s) => s.to));
  // A gap of a second in an hour would be invisible.
  const least = endMinutes / 300;
  const outages = c.phases.flatMap((p) =>
    p.disruptions.flatMap((d) =>
      d.outages.map((o) => {
        const from = minutes(p.startMs + Math.max(0, o.afterMs));
        return { row: rowOf(p.cycle), from, to: Math.max(from + least, from + minutes(o.gapMs)) };
      }),
    ),
  );
  const leaks = [...c.phases, ...c.suiteWindows].flatMap((p) =>
    p.leaks.map((l) => ({ row: rowOf(p.cycle), at: minutes(p.startMs + l.afterMs) })),
  );
  const unmeasured = c.phases.filter((p) => p.measuredMs < leastMeasuredShare * p.durationMs).map(span);
  const rows = c.cycles.map(({ cycle }) => rowOf(cycle));
  const bar = { x1: "from", x2: "to", y: "row" } as const;
  return draw({
    width: 1000,
    height: 70 + 50 * rows.length,
    marginLeft: 70,
    marginRight: 20,
    marginTop: 26,
    x: { label: "minutes since the baseline of the cycle began", domain: [0, endMinutes], grid: true },
    y: { type: "band", domain: rows, label: null, padding: 0.35 },
    marks: [
      Plot.barX(all, { ...bar, fill: "none", stroke: "currentColor", strokeOpacity: 0.25 }),
      Plot.barX(c.phases.filter((p) => p.change !== null).map(span), {
        ...bar,
        fill: accent,
        fillOpacity: 0.3,
      }),
      Plot.barX(c.suiteWindows.map(span), { ...bar, fill: "currentColor", fillOpacity: 0.18 }),
      Plot.barX([...unmeasured, ...interruptions.map(span)], {
        ...bar,
        fill: "currentColor",
        fillOpacity: 0.45,
      }),
      Plot.text(
        c.suiteWindows.map(span).filter((s) => s.to - s.from > endMinutes / 30),
        { x: (s: Span) => (s.from + s.to) / 2, y: "row", text: () => "suites", fill: "currentColor" },
      ),
      Plot.text(
        c.phases
          .filter((p) => p.change !== null)
          .map((p) => ({ ...span(p), arrow: p.change?.to === "new" ? "↑" : "↓" })),
        { x: (s: Span) => (s.from + s.to) / 2, y: "row", dy: -23, text: "arrow", fill: "currentColor" },
      ),
      Plot.barX(outages, { ...bar, fill: lossColour }),
      Plot.dot(leaks, {
        ...{ x: "at", y: "row", symbol: "diamond", r: 7 },
        ...{ fill: lossColour, stroke: "currentColor", strokeWidth: 1.5 },
      }),
    ],
  });
}
