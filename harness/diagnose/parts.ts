import type { Part } from "#harness/core/mesh-snapshot.ts";

/** A part's value, or nothing: a layer says nothing of what could not be read; the layer that reads it says so. */
export function known<T>(part: Part<readonly T[]>): readonly T[] {
  return part.ok ? part.value : [];
}
