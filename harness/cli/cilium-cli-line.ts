import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { CiliumCliArtifact } from "#harness/model/artifacts.ts";

/** Where the Cilium CLI of a lab is, or why it has none. */
export const ciliumCliLine = (cli: CiliumCliArtifact): string =>
  "program" in cli
    ? `Cilium CLI ${cli.version}: ${shellQuote([cli.program])}`
    : `no Cilium CLI: ${cli.missing}`;
