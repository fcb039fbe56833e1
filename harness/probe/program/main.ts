// The in-cluster program: `idle` holds a pod open, `probe JSON` measures, `ask JSON` sends single requests, `echo PORT`
// answers heartbeats, `hold JSON` is an admission webhook that takes its time, `end TEXT` ends other processes of these.
import type { AskSpec, HoldSpec, ProbeSpec } from "#harness/model/probe-wire.ts";
import { ask } from "./ask.ts";
import { echo } from "./echo.ts";
import { end } from "./end.ts";
import { hold } from "./hold.ts";
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
  case "echo":
    echo(Number(json));
    break;
  case "hold":
    hold(JSON.parse(json!) as HoldSpec);
    break;
  case "end":
    end(json!);
    break;
  default:
    process.stderr.write(
      `usage: main.mjs idle | probe JSON | ask JSON | echo PORT | hold JSON | end TEXT, not ${verb ?? "nothing"}\n`,
    );
    process.exit(2);
}
