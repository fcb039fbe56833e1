import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { z } from "zod";
import { Interruption } from "#harness/jobs/interruption.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { commands } from "./commands.ts";
import { programOf } from "./main.ts";
import { testing } from "./options.ts";
import { Session } from "./session.ts";

const program = programOf(new Session(new Interruption(), "npm run mesh"));
const find = (path: string): Command | undefined =>
  path
    .split(" ")
    .reduce<Command | undefined>((at, word) => at?.commands.find((c) => c.name() === word), program);

const { cli } = z
  .object({ cli: z.record(z.string(), z.array(z.string())) })
  .parse(JSON.parse(readFileSync(join(repoRoot(), "scripts/parity/parity.json"), "utf8")));

test.each(Object.entries(cli))("`%s` still accepts every earlier option", (path, options) => {
  const flags = find(path)?.options.map((o) => o.long);
  expect(flags).toEqual(expect.arrayContaining(options));
});

test("every command that reports has --json", () => {
  // A script for a shell is no report; `list` only holds its subcommands.
  const silent = ["completion", "list"];
  for (const { name } of commands.filter((c) => !silent.includes(c.name)))
    expect(
      find(name)?.options.map((o) => o.long),
      name,
    ).toContain("--json");
  for (const { name } of commands.find((c) => c.name === "list")?.commands ?? [])
    expect(
      find(`list ${name}`)?.options.map((o) => o.long),
      name,
    ).toContain("--json");
});

test("`run`, `test` and `prove` select tests, and stop, by the same options", () => {
  for (const name of ["run", "test", "prove"]) {
    const own = commands.find((c) => c.name === name)?.options ?? {};
    for (const [key, option] of Object.entries(testing)) {
      expect(own[key]?.flags, `${name} ${option.flags}`).toBe(option.flags);
      expect(own[key]?.schema, `${name} ${option.flags}`).toBe(option.schema);
    }
  }
});

test("an option's key is the name that commander derives from its flag", () => {
  for (const { name, options } of commands)
    for (const key of Object.keys(options))
      expect(
        find(name)?.options.map((o) => o.attributeName()),
        name,
      ).toContain(key);
});
