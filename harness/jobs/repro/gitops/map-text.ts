import { parseYamlObjects } from "#harness/config/yaml-objects.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import { nameOf } from "../unwrap.ts";
import { type Held, isNamed, nearest } from "./held-objects.ts";
import { entryOf, isEncrypted } from "./map-entries.ts";
import type { AllHeld } from "./release-kind.ts";

type Values = Record<string, unknown>;

export interface MapReference {
  readonly kind: unknown;
  readonly name: unknown;
  /** Undefined for that of the object that refers to it. */
  readonly namespace?: unknown;
  readonly key: string;
}

interface MapText {
  readonly used: readonly Held[];
  /** The entry, and where it is; or why there is none. */
  readonly found: { readonly text: string; readonly from: string } | { readonly why: string };
}

/** The entry of a ConfigMap or a Secret that an object refers to. */
export function mapText(
  by: Held,
  { key, ...reference }: MapReference,
  { maps, rivals }: Pick<AllHeld, "maps" | "rivals">,
): MapText {
  const label = `${String(reference.kind)} ${String(reference.name)}`;
  const all = nearest(by, maps.filter(isNamed(by, reference)), rivals);
  const [map, ...others] = all;
  // Of several, whichever it is, none is an object of its own.
  if (map === undefined || others.length > 0) {
    const where = all.map((held) => held.file.path).join(", ");
    return {
      used: all,
      found: { why: `${label} is in ${where === "" ? "no file" : `several files: ${where}`}` },
    };
  }
  const text = entryOf(map.value, key);
  const from = `${key} of ${nameOf(map.value)} in ${map.file.path}`;
  if (text === undefined) return { used: all, found: { why: `${from} is not there` } };
  if (isEncrypted(map.value, text)) return { used: all, found: { why: `${from} is encrypted` } };
  return { used: all, found: { text, from } };
}

/** A mapping that a map holds as a text, or what is wrong with it. */
export function mappingIn(text: string, place: string): Values | string {
  try {
    const [document] = parseYamlObjects(text, place);
    return isMapping(document?.value) ? document.value : {};
  } catch (error) {
    if (error instanceof MeshproofError) return error.message;
    throw error;
  }
}
