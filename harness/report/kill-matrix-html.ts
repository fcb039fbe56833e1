import { formatMs } from "#harness/lib/clock.ts";
import { before } from "#harness/lib/names.ts";
import { type CellState, type KillMatrix, unknownCells } from "#harness/model/kill-matrix.ts";
import { escapeHtml } from "./escape.ts";

const colours: Readonly<Record<CellState, string>> = {
  killed: "#2e7d32",
  // Translucent, so that on a dark page it is less prominent than killed tests.
  green: "#66bb6a55",
  survived: "#c62828",
  unnamed: "#ef6c00",
  weak: "#f9a825",
  broke: "#6a1b9a",
  unknown: "#9e9e9e",
};

/** Rows are faults, columns tests; an empty cell was not run. */
export function killMatrixSection(matrix: KillMatrix): string {
  const size = 15;
  const left = 210;
  const top = 32;
  const groups = [...new Set(matrix.tests.map((test) => before(test, " > ")))];
  const columns = matrix.tests.map((test) => {
    const group = before(test, " > ");
    return { test, group, x: left + matrix.tests.indexOf(test) * size + groups.indexOf(group) * 8 };
  });
  const width = (columns.at(-1)?.x ?? left) + size + 10;
  const height = top + matrix.faults.length * size + 6;
  const cells = matrix.faults.flatMap((fault, row) =>
    columns.map(({ test, x }) => {
      const cell = matrix.cells.find((c) => c.fault === fault.name && c.test === test);
      const title = `${fault.name} / ${test}: ${cell === undefined ? "not run" : `${cell.state}\n${cell.message}`}`;
      return `<rect x="${x}" y="${top + row * size}" width="${size - 2}" height="${size - 2}" fill="${cell === undefined ? "transparent" : colours[cell.state]}" stroke="#8884"><title>${escapeHtml(title.slice(0, 900))}</title></rect>`;
    }),
  );
  const rows = matrix.faults.map(
    (f, row) =>
      `<text x="${left - 6}" y="${top + row * size + 10}" text-anchor="end">${escapeHtml(f.name)}<title>${escapeHtml(`${f.does}; ${f.subject}; ${formatMs(f.durationMs)}`)}</title></text>`,
  );
  // Alternates between two lines: a suite of few tests is narrower than its name.
  const firsts = columns.filter(({ group }, i) => columns.findIndex((c) => c.group === group) === i);
  const heads = firsts.map(
    ({ group, x }, i) => `<text x="${x}" y="${i % 2 === 0 ? 11 : 25}">${escapeHtml(group)}</text>`,
  );
  const legend = (Object.keys(colours) as CellState[])
    .map((s) => `<span style="color:${colours[s]}">&#9632;</span> ${s}`)
    .join(" ");
  const killed = matrix.tests.length - matrix.unkilled.length;
  const unknown = unknownCells(matrix);
  return `<section><h2>Kill matrix</h2><p>${matrix.faults.length} faults were injected on purpose, one at a time: ${matrix.survivors.length} survivors; ${killed} of ${matrix.tests.length} tests were killed at least once.${unknown === 0 ? "" : ` ${unknown} cells are unknown: the rig was disturbed, or the test was not run.`}</p>
${matrix.survivors.map((s) => `<div class="reason">survivor: ${escapeHtml(s)}</div>`).join("")}${matrix.unkilled.map((t) => `<div class="reason">never killed: ${escapeHtml(t)}</div>`).join("")}
${matrix.faults.flatMap((f) => f.errors.map((e) => `<div class="reason">${escapeHtml(`${f.name}: ${e}`)}</div>`)).join("")}
<figure style="overflow-x:auto"><figcaption>Rows are faults, columns tests. ${legend} &#9633; not run</figcaption><svg viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="kill matrix">${heads.join("")}${rows.join("")}${cells.join("")}</svg></figure></section>`;
}
