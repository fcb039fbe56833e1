import { type ErrorCode, MeshproofError } from "./errors.ts";

/**
 * A value that must exist in a list, a map or an API object; `what` names the value and the place. Throws
 * `value-missing`, or the given code, if it is undefined.
 */
export function found<T>(value: T | null | undefined, what: string, code: ErrorCode = "value-missing"): T {
  if (value === null || value === undefined)
    throw new MeshproofError(code, `there is no ${what}`, {
      remedy:
        "check the object that the message names; if it exists, this is a defect of Meshproof: please report it",
    });
  return value;
}
