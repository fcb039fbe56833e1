import { formatMs } from "#harness/lib/clock.ts";
import type { Certificate } from "#harness/model/certificate.ts";
import { type Cost, costOf, coverageOf, movesOf, percent } from "./certificate-facts.ts";
import { escapeHtml } from "./escape.ts";

const answers: Readonly<Record<Certificate["verdict"], string>> = {
  certified: "Yes, for a mesh like this lab: nothing speaks against it.",
  "certified with findings": "Yes, for a mesh like this lab, once you have read the findings.",
  "not certified": "No.",
  unknown: "Not known: something was not measured, or the test failed and not the upgrade.",
};

/** So many lines fit on the first screen. */
const most = 6;
/** What traffic lost is the cost, which stands beside. */
const costs = new Set(["requests-lost", "connection-ended"]);

/** Whether to upgrade: the verdict in a sentence, then why, the weightiest first. */
export function answer(c: Certificate): string {
  const reasons = c.reasons.map((r) => `<li>${escapeHtml(short(r))}</li>`);
  const notes = c.findings
    .filter((f) => f.grade !== "information" && !costs.has(f.id))
    .map((f) => `<li><span class="grade ${f.grade}">${f.grade}</span>${escapeHtml(short(f.message))}</li>`);
  const lines = [...reasons, ...notes];
  const rest = lines.length - most;
  return `<p class="answer">${answers[c.verdict]}</p>${lines.length === 0 ? "" : `<ul>${lines.slice(0, most).join("")}</ul>`}${rest > 0 ? `<p class="dim">and ${rest} more below</p>` : ""}`;
}

/** What clients of a mesh have to expect from the moves, and from the way back. */
export function cost(c: Certificate): string {
  const own = costOf(movesOf(c, "own"));
  const other = costOf(movesOf(c, "other"));
  const { durationMs, measuredMs } = coverageOf(c);
  const all = [...c.phases, ...c.suiteWindows];
  const denied = all.reduce((sum, p) => sum + p.deniedSent, 0);
  const leaked = all.flatMap((p) => p.leaks).reduce((sum, l) => sum + l.packets, 0);
  const [bound] = c.bounds;
  return `<ul>${[
    own.moves === 0
      ? "no cluster was moved"
      : `time: ${formatMs(own.typicalMs)} for each cluster, ${formatMs(own.longestMs)} at most`,
    losses(own),
    ...(bound === undefined ? [] : [bound.text]),
    connections(own),
    `policy: ${leaked === 0 ? "no packet" : `${leaked} packets`} of ${denied} denied requests got through`,
    ...(other.moves === 0 ? ["the way back was not tested"] : [`the way back: ${losses(other)}`]),
    `measured: ${percent(durationMs === 0 ? 0 : measuredMs / durationMs)} of ${formatMs(durationMs)}`,
  ]
    .map((line) => `<li>${escapeHtml(line)}</li>`)
    .join("")}</ul>`;
}

function losses({ lost, sent, lossy, moves, worst }: Cost): string {
  if (moves === 0) return "nothing was measured";
  if (worst === undefined) return `requests: none of ${sent} lost`;
  const cause = worst.cause === "" ? "" : `, after: ${worst.cause}`;
  return `requests: ${lost} of ${sent} lost, in ${lossy} of ${moves} moves; longest gap ${worst.gapMs} ms (${short(`${worst.path}${cause}`)})`;
}

function connections({ ended }: Cost): string {
  const others = ended.others === 0 ? "" : `; ${ended.others} others were opened again`;
  return ended.tcp === 0
    ? `connections: no kept TCP connection ended${others}`
    : `connections: ${ended.tcp} kept TCP connections ended${others}`;
}

const longest = 160;
const short = (text: string): string => (text.length > longest ? `${text.slice(0, longest)}...` : text);
