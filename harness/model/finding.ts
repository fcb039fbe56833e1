import { holdsName } from "#harness/lib/names.ts";

/** Something that is wrong with a mesh, as a person would say it. */
export interface Finding {
  readonly layer: string;
  /** `broken`: it harms traffic or knowledge; `suspect`: allowed, but seldom meant; `unread`: it could not be judged. */
  readonly severity: "broken" | "suspect" | "unread";
  readonly cluster: string;
  /** The node, pod, object or pair that it is about. */
  readonly subject: string;
  readonly message: string;
  /** The next step for whoever must mend it. */
  readonly next: string;
}

/** Whether a finding names one of the things that a fault harmed. */
export function namesOneOf(finding: Finding | undefined, names: readonly string[]): boolean {
  return finding !== undefined && names.some((n) => holdsName(`${finding.subject} ${finding.message}`, n));
}
