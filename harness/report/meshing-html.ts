import type { Meshing } from "#harness/model/meshing.ts";
import { escapeHtml } from "./escape.ts";

/** How profile cli meshed the clusters: each command, what had to be in its output, and the output. */
export function meshingSection({ by, note, added, commands }: Meshing): string {
  const rows = added.map(
    ({ what, why }) => `<tr><td>${escapeHtml(what)}</td><td>${escapeHtml(why)}</td></tr>`,
  );
  return `<section><h2>Meshed by ${escapeHtml(by)}</h2>${note === undefined ? "" : `<p><strong>${escapeHtml(note)}</strong></p>`}
${commands.map(commandDetails).join("\n")}
${rows.length === 0 ? "" : `<h3>Added to the commands of the document</h3><table><tr><th>what</th><th>why</th></tr>${rows.join("")}</table>`}</section>`;
}

const commandDetails = ({ command, output, found }: Meshing["commands"][number]): string =>
  `<details><summary><code>${escapeHtml(command)}</code></summary><ul>${found.map((f) => `<li>${escapeHtml(f)}</li>`).join("")}</ul><pre>${escapeHtml(output)}</pre></details>`;
