import { MeshproofError } from "#harness/lib/errors.ts";

/** A lab's name becomes part of paths and container names: nothing else is let through. */
export function checkLabName(lab: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,18}[a-z0-9])?$/.test(lab) || lab.includes("--")) {
    throw new MeshproofError(
      "usage",
      `--lab ${JSON.stringify(lab)}: a lab name is lower-case letters, digits and single '-', at most 20 characters`,
      {
        cure: "for example --lab nightly",
      },
    );
  }
  return lab;
}
