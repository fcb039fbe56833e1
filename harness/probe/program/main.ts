// The in-cluster program: `idle` keeps a pod running, `probe JSON` measures, `ask JSON` sends single requests, `echo
// JSON` answers heartbeats, `hold JSON` is an admission webhook with a delay, `end TEXT` ends other processes of this
// program.
import type { AskSpec, EchoSpec, HoldSpec, ProbeSpec } from "#harness/model/probe-wire.ts";
import { ask } from "./ask.ts";
import { echo } from "./echo.ts";
import { end } from "./end.ts";
import { hold } from "./hold.ts";
import { probe } from "./probe.ts";

const withArgument = new Map<string, (argument: string) => unknown>([
  ["probe", (json) => probe(JSON.parse(json) as ProbeSpec)],
  ["ask", (json) => ask(JSON.parse(json) as AskSpec)],
  ["echo", (json) => echo(JSON.parse(json) as EchoSpec)],
  ["hold", (json) => hold(JSON.parse(json) as HoldSpec)],
  ["end", end],
]);

const [verb = "nothing", argument] = process.argv.slice(2);
const does = withArgument.get(verb);
if (verb === "idle") {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(0));
  setInterval(() => {}, 60_000);
} else if (does !== undefined && argument !== undefined) await does(argument);
else {
  process.stderr.write(
    `usage: main.mjs idle | probe JSON | ask JSON | echo JSON | hold JSON | end TEXT, not ${verb}${argument === undefined ? " alone" : ""}\n`,
  );
  process.exit(2);
}
