import Table from "cli-table3";

const edges = ["top", "bottom", "left", "right"].flatMap((e) => [e, `${e}-mid`, `${e}-left`, `${e}-right`]);
const noLines = Object.fromEntries([...edges, "mid", "mid-mid"].map((place) => [place, ""]));

/** Columns under one another for a terminal, two spaces apart, without lines; the first row is the head. */
export function textTable(rows: readonly (readonly string[])[]): string[] {
  const table = new Table({
    chars: { ...noLines, middle: "  " },
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
}
