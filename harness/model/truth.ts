/** What a cluster's own API server says of a node. */
export interface NodeTruth {
  /** `cluster/node`. */
  readonly name: string;
  readonly address: string;
  readonly podCidr: string;
}

/** What a cluster exports to the others, counted from its own API server. */
export interface RemoteTruth {
  readonly nodes: number;
  readonly endpoints: number;
  readonly identities: number;
  readonly services: number;
}
