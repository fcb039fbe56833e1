// Runs in each vitest worker before a suite is imported: from here on, a suite that is defined is registered.
import "./matchers.ts";
import { onDefineSuite } from "./define-suite.ts";
import { registerSuite } from "./register-suite.ts";
import { readRunContext } from "./run-context.ts";

// A Ctrl-C reaches this process too: it must live to heal and clean up; the harness cancels the run.
for (const name of ["SIGINT", "SIGHUP"] as const) process.on(name, () => {});

const run = await readRunContext();
onDefineSuite((suite) => registerSuite(suite, run));
