import { MeshproofError } from "#harness/lib/errors.ts";

/**
 * Prefix of the names of a lab's Docker objects; `short` is the part of the owner's id that names contain. It is as long
 * as the prefix `meshproof-` of earlier versions, because a node's name must fit into a host name.
 */
export const labPrefix = (short: string, lab: string): string => `mp-${short}-${lab}`;

/** kind's name for a cluster; its node containers are `<this>-control-plane`, `<this>-worker`... */
export const kindNameIn = (short: string, lab: string, cluster: string): string =>
  `${labPrefix(short, lab)}--${cluster}`;

export function isLabName(name: string): boolean {
  return /^[a-z0-9]([-a-z0-9]{0,18}[a-z0-9])?$/.test(name) && !name.includes("--");
}

/** Restricts a lab's name to characters that are valid in paths and container names. */
export function checkLabName(lab: string): string {
  if (!isLabName(lab)) {
    throw new MeshproofError(
      "usage",
      `--lab ${JSON.stringify(lab)}: a lab name is lower-case letters, digits and single '-', at most 20 characters`,
      {
        remedy: "for example --lab nightly",
      },
    );
  }
  return lab;
}
