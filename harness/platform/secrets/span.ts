/** A secret in a text: its position and kind, never the value. */
export interface SecretSpan {
  readonly start: number;
  readonly end: number;
  readonly kind: string;
}

/** The replacement for a secret. It needs no escaping in JSON, XML or HTML. */
export const markerOf = (kind: string): string => `${markerStart}${kind}]`;
export const markerStart = "[redacted: ";

/** Matches the markers; the first group is the kind. */
export const markerPattern = /\[redacted: ([\w .()-]{1,60})\]/g;

/** The text with a marker in place of each span. Overlapping spans become one, named by the one that starts first. */
export function applySpans(text: string, spans: readonly SecretSpan[]): string {
  if (spans.length === 0) return text;
  const parts: string[] = [];
  let at = 0;
  const inOrder = [...spans].sort((a, b) => a.start - b.start || b.end - a.end);
  for (const { start, end, kind } of inOrder) {
    if (start < at) {
      at = Math.max(at, end);
      continue;
    }
    parts.push(text.slice(at, start), markerOf(kind));
    at = end;
  }
  parts.push(text.slice(at));
  return parts.join("");
}
