import type { Command } from "commander";
import { program as meshproof } from "./meshproof.ts";

/** The whole command line as commander has it, without running anything. */
export const program = (): Command => meshproof;
