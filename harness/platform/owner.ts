import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { userInfo } from "node:os";
import { basename, dirname, join } from "node:path";
import { stateDir } from "./paths.ts";

/** Labels of every Docker object of a lab: the lab's name, its owner's id, the owner's state folder. */
export const labLabel = "io.meshproof.lab";
export const ownerLabel = "io.meshproof.owner";
export const stateFolderLabel = "io.meshproof.state-folder";

/** The owner id of objects without an owner label, made by versions without owners. No current owner has this id. */
export const unlabelled = "unlabelled";

/**
 * The owner of labs: a user and a state folder. Two owners may use one Docker daemon and the same lab names. Containers
 * that share a daemon but no files count as one owner if user id and path are equal: give each its own XDG_STATE_HOME.
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

/** The owner of this process; `folder` is its state folder. */
export function currentOwner(folder: string = stateDir()): Owner {
  const uid = process.getuid?.() ?? 0;
  return ownerOf({ uid, name: nameOf(uid) }, folder);
}

/** The part of an owner's id that names contain; undefined if the text is not an id. */
export const shortOf = (id: string): string | undefined => idPattern.exec(id)?.[1];

export const labLabels = (lab: string, owner: Owner = currentOwner()): Record<string, string> => ({
  [labLabel]: lab,
  [ownerLabel]: owner.id,
  [stateFolderLabel]: owner.stateFolder,
});

/** Label filters for the objects of one owner's lab. */
export const labFilters = (lab: string, owner: Pick<Owner, "id"> = currentOwner()): string[] => [
  `${labLabel}=${lab}`,
  `${ownerLabel}=${owner.id}`,
];

/** A user id may have no name, for example in a container. */
function nameOf(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    return `uid${uid}`;
  }
}

/** The real path of a folder that may not exist yet; the same before and after its creation. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
