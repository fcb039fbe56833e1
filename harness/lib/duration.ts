import parse from "parse-duration";

/** Go's notation, such as `2m11.8s`, in milliseconds; nothing for a text that holds no duration. */
export function goDurationMs(text: string): number | undefined {
  return parse(text) ?? undefined;
}
