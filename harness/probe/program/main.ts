// The in-cluster program: `idle` holds a pod open, `probe JSON` measures, `ask JSON` sends single requests.
import type { AskSpec, ProbeSpec } from "#harness/core/probe-wire.ts";
import { ask } from "./ask.ts";
import { probe } from "./probe.ts";

const [verb, json] = process.argv.slice(2);
switch (verb) {
  case "idle":
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(0));
    setInterval(() => {}, 60_000);
    break;
  case "probe":
    await probe(JSON.parse(json!) as ProbeSpec);
    break;
  case "ask":
    await ask(JSON.parse(json!) as AskSpec);
    break;
  default:
    process.stderr.write(`usage: main.mjs idle | probe JSON | ask JSON, not ${verb ?? "nothing"}\n`);
    process.exit(2);
}
