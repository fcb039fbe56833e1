// Runs in each vitest worker before suites are imported, so that suites are registered when defined.
import "./matchers.ts";
import { onDefineSuite } from "./define-suite.ts";
import { registerSuite } from "./register-suite.ts";
import { readRunContext } from "./run-context.ts";

// A Ctrl-C reaches this process too, which must stay alive to heal and clean up; the harness cancels the run.
for (const name of ["SIGINT", "SIGHUP"] as const) process.on(name, () => {});

const run = await readRunContext();
onDefineSuite((suite) => registerSuite(suite, run));
