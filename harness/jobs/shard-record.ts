import type { RunRecord } from "#harness/model/record.ts";
import type { Shard } from "#harness/testkit/shard.ts";

/** The part of a run that `--shard` names, as its record holds it. */
export const shardRecord = (shard: Shard | undefined): Pick<RunRecord, "shard"> =>
  shard === undefined ? {} : { shard: { index: shard.index, of: shard.count } };
