import { type ErrorCode, MeshproofError } from "./errors.ts";

/**
 * A value that must be there, of a list, a map or an API object; `what` names it and where it was looked for.
 * Throws `value-missing`, or another code that is named, where it is not.
 */
export function found<T>(value: T | null | undefined, what: string, code: ErrorCode = "value-missing"): T {
  if (value === null || value === undefined)
    throw new MeshproofError(code, `there is no ${what}`, {
      remedy:
        "look at what the message names; where it is there, this is a defect of Meshproof: please report it",
    });
  return value;
}
