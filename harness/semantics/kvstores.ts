import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { KvstoreState } from "#harness/model/shared-state.ts";

/** One kvstore of a cluster: of a replica of clustermesh-apiserver, if there are several. */
export interface Kvstore {
  readonly pod?: string;
  readonly state: KvstoreState;
}

/** The kvstores of a cluster that were read. */
export function kvstoresOf({ kvstore, kvstores = [] }: ClusterSnapshot): readonly Kvstore[] {
  if (kvstores.length > 0) return kvstores;
  return kvstore?.ok === true ? [{ state: kvstore.value }] : [];
}
