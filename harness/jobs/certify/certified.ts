import type { Certificate } from "#harness/model/certificate.ts";

export interface Certified {
  readonly certificate: Certificate;
  readonly dir: string;
}
