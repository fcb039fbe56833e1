#!/usr/bin/env node
// Starts the command line (`harness/cli`) and ends the process with its exit code.
import { main } from "#harness/cli/main.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { labVariable } from "#harness/state/processes.ts";

guardOutput();
// A reader that goes away (`| head`) is no error of the run.
process.stdout.on("error", () => {});
// A terminal that is gone must not keep an error from being handled: telling it would be the next error.
process.stderr.on("error", () => {});
// Set for children only: inherited from a shell it would make that shell's processes look like a lab's orphans.
delete process.env[labVariable];

const exitCode = await main(process.argv.slice(2));
if (exitCode !== undefined) process.exitCode = exitCode;
// Kept sockets must not hold the process; what matters was awaited.
process.exit();
