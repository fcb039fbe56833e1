/** What a tool installs on one cluster, of an object that stands for several. */
export interface Target {
  /** An object or a file of a kind that holds the values of one cluster. */
  readonly document: Record<string, unknown>;
  /** Where the cluster stands in its object, for messages. */
  readonly place: string;
  /** Of the clusters that the object does not list. */
  readonly isRest?: boolean;
}
