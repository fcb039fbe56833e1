#!/usr/bin/env node
// Starts the command line (`harness/cli`) and ends the process with its exit code.
import { main } from "#harness/cli/main.ts";
import { exit, guardOutput } from "#harness/platform/output.ts";
import { labVariable } from "#harness/state/processes.ts";

guardOutput();
// A closed pipe (`| head`) is not an error of the run.
process.stdout.on("error", () => {});
// A closed terminal must not prevent error handling: printing the error would raise another one.
process.stderr.on("error", () => {});
// Set for children only: inherited from a shell it would make that shell's processes look like a lab's orphans.
delete process.env[labVariable];

const exitCode = await main(process.argv.slice(2));
await exit(exitCode);
