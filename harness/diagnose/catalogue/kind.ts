/** A kind of finding, for its page in docs/reference/findings. */
export interface FindingKind {
  readonly layer: string;
  readonly severity: "broken" | "suspect" | "unread";
  /** What is wrong and what follows from it. */
  readonly meaning: string;
  /** Commands and observations that show it without Meshproof. */
  readonly confirm: string;
  readonly remedy: string;
}
