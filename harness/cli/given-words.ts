import type { Options, Parsed } from "./options.ts";

/** Those of some options that a command line gave itself, as words that give them again. */
export function givenWords<O extends Options>(
  options: O,
  values: Parsed<O>,
  given: ReadonlySet<string>,
): string[] {
  return Object.entries(options).flatMap(([name, { flags }]) => {
    const flag = /--[a-z-]+/.exec(flags)?.[0];
    const value: unknown = given.has(name) ? values[name] : undefined;
    if (flag === undefined || value === undefined || value === false) return [];
    if (!flags.includes("<")) return [flag];
    return [value].flat().flatMap((one) => [flag, String(one)]);
  });
}
