import type { Certificate } from "#harness/model/certificate.ts";

export interface Certified {
  readonly certificate: Certificate;
  /** Of the opposite move, from the same cycles; absent if the cycles did not move back. */
  readonly reverse?: Certificate;
  readonly dir: string;
}
