import type { Boundary } from "./measurement.ts";

/** A change that one link of the chain saw: how many backends of the struck cluster it still holds for active. */
export interface ChainEvent {
  readonly boundary: Boundary;
  readonly atUnixMs: number;
  readonly active: number;
}

/** What was seen of the way that a change takes from a cluster's API server to a client's BPF map. */
export interface ChainRecord {
  /** The links on this client's way, in order, each with the bound of its stamps' error. */
  readonly path: readonly { readonly boundary: Boundary; readonly errorMs: number }[];
  readonly events: readonly ChainEvent[];
}
