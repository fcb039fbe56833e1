import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

const meshingCommandSchema = z.object({
  command: z.string().describe("The command line; the kubeconfigs are in its environment."),
  output: z.string().describe("What it printed."),
  found: z.array(z.string()).describe("What had to be in its output, and was."),
});
export type MeshingCommand = Infer<typeof meshingCommandSchema>;

export const meshingSchema = z.object({
  by: z.string().describe("The program that meshed the clusters, with its version."),
  note: z.string().exactOptional().describe("Why not by the Cilium CLI."),
  added: z
    .array(z.object({ what: z.string(), why: z.string() }))
    .describe("What was added to the commands of the document, and why."),
  commands: z.array(meshingCommandSchema).describe("The commands, in their order."),
});
/** How profile cli meshed a lab: part of the lab's state and of every report of a run on it. */
export type Meshing = Infer<typeof meshingSchema>;
