import { found } from "#harness/lib/found.ts";
import type { DurationOf } from "./durations.ts";

export interface Shard {
  /** From 1 to `count`. */
  readonly index: number;
  readonly count: number;
}

/**
 * The names of one shard, in their order, each once. The longest go first, each to the shard that has least to do: the same
 * names and durations give the same shards on every machine, in whatever order the names come.
 */
export function shardOf(
  names: readonly string[],
  { index, count }: Shard,
  durationMs: DurationOf,
): readonly string[] {
  const shards = Array.from({ length: count }, () => ({ ms: 0, names: new Set<string>() }));
  const once = [...new Set(names)];
  const longestFirst = [...once].sort((a, b) => durationMs(b) - durationMs(a) || (a < b ? -1 : 1));
  for (const name of longestFirst) {
    const shard = found(
      shards.reduce((least, s) => (s.ms < least.ms ? s : least)),
      "shard",
    );
    shard.names.add(name);
    shard.ms += durationMs(name);
  }
  return once.filter((name) => shards[index - 1]?.names.has(name) === true);
}
