import type { Blame, ErrorFacts } from "#harness/lib/error-codes.ts";
import { code, type Page, page, table } from "./markdown.ts";

const blames: Readonly<Record<Blame, string>> = {
  user: "user",
  "test-machine": "test machine",
  mesh: "mesh",
};

export function errorCodesPage(codes: Readonly<Record<string, ErrorFacts>>): Page {
  return page(
    "error-codes.md",
    "Error codes",
    "Every error has one of these codes; they do not change. The exit code is that of a command which ends with the error. Blame decides the outcome of a test or a set-up which ends with it: `unknown` for the test machine, otherwise `fail`. An error marked with * also has outcome `unknown` if the prober shows that the test machine was slow at that time.",
    table(
      ["code", "exit code", "blame", "meaning", "remedy"],
      Object.entries(codes).map(([name, facts]) => [
        code(name),
        String(facts.exitCode),
        `${blames[facts.blame]}${facts.slownessCausesIt === true ? " *" : ""}`,
        facts.meaning,
        facts.remedy,
      ]),
    ),
  );
}
