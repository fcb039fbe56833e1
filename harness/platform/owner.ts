import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { userInfo } from "node:os";
import { basename, dirname, join } from "node:path";
import { stateDir } from "./paths.ts";

/** Everything that a lab creates in Docker carries these labels: the lab's name, its owner's id, the owner's state folder. */
export const labLabel = "io.meshproof.lab";
export const ownerLabel = "io.meshproof.owner";
export const stateFolderLabel = "io.meshproof.state-folder";

/** The owner of everything that carries no owner: labs of versions that knew none. It is nobody's own. */
export const unlabelled = "unlabelled";

/**
 * Whose a lab is: a user and a state folder. Two owners may use one Docker daemon, and the same lab names. Containers
 * that share a daemon but no files are one owner where user id and path are equal: give each its own XDG_STATE_HOME.
 */
export interface Owner {
  /** Printable, unique: `<user>-<8 hex digits>`. */
  readonly id: string;
  /** The first digits of the id's hash, short enough for host names. */
  readonly short: string;
  /** Its real path. */
  readonly stateFolder: string;
}

const idPattern = /^[a-z0-9-]{1,20}-([0-9a-f]{6})[0-9a-f]{2}$/;

export function ownerOf(user: { readonly uid: number; readonly name: string }, folder: string): Owner {
  const stateFolder = realPath(folder);
  const hash = createHash("sha256").update(`${user.uid}:${stateFolder}`).digest("hex").slice(0, 8);
  const name = user.name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 20)
    .replace(/^-+|-+$/g, "");
  return { id: `${name === "" ? "user" : name}-${hash}`, short: hash.slice(0, 6), stateFolder };
}

/** The owner that this process works for; `folder` is its state folder. */
export function currentOwner(folder: string = stateDir()): Owner {
  const uid = process.getuid?.() ?? 0;
  return ownerOf({ uid, name: nameOf(uid) }, folder);
}

/** The part of an owner's id that names carry; nothing where the text is no id. */
export const shortOf = (id: string): string | undefined => idPattern.exec(id)?.[1];

export const labLabels = (lab: string, owner: Owner = currentOwner()): Record<string, string> => ({
  [labLabel]: lab,
  [ownerLabel]: owner.id,
  [stateFolderLabel]: owner.stateFolder,
});

/** Labels that select what one owner's lab created. */
export const labFilters = (lab: string, owner: Pick<Owner, "id"> = currentOwner()): string[] => [
  `${labLabel}=${lab}`,
  `${ownerLabel}=${owner.id}`,
];

/** A user id need not have a name, as in a container. */
function nameOf(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    return `uid${uid}`;
  }
}

/** Of a folder that is perhaps not made yet: the same before and after. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
