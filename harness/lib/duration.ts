import parse from "parse-duration";

/** The parser alone also accepts `3 apples, 5 minutes`. */
const goDuration = /^(\d+(\.\d+)?(h|m|s|ms|us|µs|ns))+$/;

/** Milliseconds of a duration as Go writes it, such as `2m11.8s`; undefined for any other text. */
export function durationMs(text: string): number | undefined {
  return goDuration.test(text) ? (parse(text) ?? undefined) : undefined;
}
