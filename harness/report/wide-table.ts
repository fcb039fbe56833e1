import { escapeHtml } from "./escape.ts";

/** A table that scrolls sideways on a narrow page; cells are HTML. */
export const wideTable = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<div class="wide"><table><tr>${head.map((h) => `<th>${h}</th>`).join("")}</tr>
${rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("\n")}</table></div>`;

/** The same of cells that are text. */
export const wideTextTable = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  wideTable(
    head,
    rows.map((row) => row.map(escapeHtml)),
  );
