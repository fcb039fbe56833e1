import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hostileText, isWorkflowCommand, textOfOthers, unseen } from "#harness/lib/visible-examples.ts";
import { Output, type Piece, paint } from "./output.ts";
import { repoRoot } from "./paths.ts";
import { jwt, pem } from "./secrets/planted.ts";

/** A stream that records what is written to it. */
function sink(isTTY: boolean) {
  let text = "";
  const stream = {
    isTTY,
    write: (chunk: string | Uint8Array): boolean => {
      text += String(chunk);
      return true;
    },
  };
  return { stream, text: () => text };
}

const expectHarmless = (text: string): void => {
  expect(text).not.toMatch(unseen);
  expect(text.split("\n").filter(isWorkflowCommand)).toEqual([]);
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences of Meshproof's own colours.
const allowedEscapes = /\u001b\[\d+m/g;

const piece: fc.Arbitrary<Piece> = fc.oneof(
  textOfOthers,
  textOfOthers.map((text) => paint("red", text)),
);

describe("one output", () => {
  test("colours only on a terminal, and none from the text", () => {
    const lines: readonly Piece[] = [paint("green", "ok"), " \u001b[31mforged\n"];
    const shown = (isTTY: boolean, env: Record<string, string>): string => {
      const { stream, text } = sink(isTTY);
      new Output(stream, env).print(...lines);
      return text();
    };
    expect(shown(true, {})).toBe("\u001b[32mok\u001b[39m \\x1b[31mforged\n");
    expect(shown(false, { CI: "true", FORCE_COLOR: "1" })).toBe("ok \\x1b[31mforged\n");
    expect(shown(true, { NO_COLOR: "1" })).toBe("ok \\x1b[31mforged\n");
  });

  test("a secret of a cluster or an archive is not printed", () => {
    const { stream, text } = sink(false);
    const output = new Output(stream, {});
    output.takeOver();
    output.print(`db: password: sunshine\n`, paint("red", `401 with ${jwt}\n`));
    stream.write(`PGPASSWORD=Summer-2026\n${pem()}`);
    expect(text()).toBe(
      "db: password: [redacted: password]\n401 with [redacted: token (JWT)]\nPGPASSWORD=[redacted: password]\n[redacted: private key]\n",
    );
    expect(output.render("token: hunter22")).toBe("token: [redacted: token]");
  });

  test("of any text, in any pieces, a terminal obeys only line feeds and Meshproof's colours", () => {
    fc.assert(
      fc.property(fc.array(fc.array(piece)), fc.boolean(), (prints, isTTY) => {
        const { stream, text } = sink(isTTY);
        const output = new Output(stream, {});
        for (const pieces of prints) output.print(...pieces);
        const painted = prints.flat().filter((p) => typeof p !== "string").length;
        expect(text().match(allowedEscapes) ?? []).toHaveLength(isTTY ? 2 * painted : 0);
        expectHarmless(text().replace(allowedEscapes, ""));
      }),
    );
  });

  test("the same for any writer to the stream, in any chunks of bytes", () => {
    fc.assert(
      fc.property(textOfOthers, fc.integer({ min: 1, max: 9 }), fc.boolean(), (text, size, asText) => {
        const kept = sink(true);
        new Output(kept.stream, {}).takeOver();
        const bytes = Buffer.from(text);
        if (asText) for (const unit of text) kept.stream.write(unit);
        else for (let at = 0; at < bytes.length; at += size) kept.stream.write(bytes.subarray(at, at + size));
        expectHarmless(kept.text());
      }),
    );
  });

  test("a workflow command is recognised at the start of a long or long blank line", () => {
    const { stream, text } = sink(false);
    const output = new Output(stream, {});
    output.print(" ".repeat(500));
    output.print("::error::a\n", "x".repeat(500), ":", ":no command ##", "[error]\n");
    expect(text()).toBe(
      `${" ".repeat(500)}\\u003a:error::a\n${"x".repeat(500)}::no command ##\\u005berror]\n`,
    );
  });

  test("a writer of cursor movements gets rendered text", () => {
    const { stream, text } = sink(true);
    const output = new Output(stream, {});
    const raw = output.unescaped(stream);
    output.takeOver();
    raw.write(`\u001b[2K${output.render("\u001b[2J", paint("dim", "1s"))}`);
    expect(text()).toBe("\u001b[2K\\x1b[2J\u001b[2m1s\u001b[22m");
  });
});

/** A program's output on both streams. */
function printedBy(args: readonly string[]): string {
  const child = spawnSync(process.execPath, args, { cwd: repoRoot(), encoding: "utf8" });
  expectHarmless(child.stdout);
  expectHarmless(child.stderr);
  return child.stdout + child.stderr;
}

test("console, warnings and uncaught errors are printed as harmless text too", () => {
  const hostile = JSON.stringify(`${hostileText}\n::error::planted`);
  const printed = printedBy([
    "--input-type=module",
    "--eval",
    `import { guardOutput } from "./harness/platform/output.ts";
     guardOutput();
     console.log(${hostile});
     console.error(new Error(${hostile}));
     process.emitWarning(${hostile});
     setTimeout(() => Promise.reject(new Error(${hostile})), 50);`,
  ]);
  expect(printed.match(/\\u003a:error::planted/g)?.length).toBeGreaterThanOrEqual(4);
});

test("the command line prints a hostile argument as harmless text", () => {
  const name = "\u001b[2J\n::error::planted";
  expect(printedBy(["scripts/meshproof.ts", "diagnose", name])).toContain("\\x1b[2J\n\\u003a:error::planted");
});

test("every program that prints guards its output", () => {
  const printing = globSync(["scripts/*.ts", "scripts/tools/*/main.ts"], { cwd: repoRoot() })
    .map((file) => ({ file, text: readFileSync(join(repoRoot(), file), "utf8") }))
    .filter(({ text }) => /process\.std(out|err)|console\./.test(text));
  expect(printing.length).toBeGreaterThan(5);
  // `npm test` itself prints no text from a cluster.
  const open = printing.filter(
    ({ file, text }) => !/^ *guardOutput\(\);$/m.test(text) && !/check\.ts$/.test(file),
  );
  expect(open.map(({ file }) => file)).toEqual([]);
});

test("an uncaught error is left to another listener, which cleans up", async () => {
  const program = `import { guardOutput } from ${JSON.stringify(join(import.meta.dirname, "output.ts"))};
guardOutput();
process.on("uncaughtException", () => setTimeout(() => { console.log("cleaned up"); process.exit(7); }, 10));
setTimeout(() => { throw new Error("boom"); }, 1);`;
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  expect(child.status).toBe(7);
  expect(child.stdout).toContain("cleaned up");
});

test("a program that ends loses none of its output, however slowly its pipe is read", () => {
  const ends = (how: string): string =>
    `import { exit, guardOutput } from "./harness/platform/output.ts";
     guardOutput();
     process.stdout.write("x".repeat(3_000_000));
     ${how}`;
  const read = (how: string): number =>
    Number(
      spawnSync("sh", ["-c", 'node --input-type=module --eval "$1" | { sleep 1; wc -c; }', "sh", ends(how)], {
        ...{ cwd: repoRoot(), encoding: "utf8" },
        env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` },
      }).stdout,
    );
  expect(read("await exit(0);")).toBe(3_000_000);
  expect(read("process.exit(0);")).toBeLessThan(3_000_000);
});

test("a program ends with the exit code that it was given, or else with the one that was set", () => {
  const codeOf = (end: string): number | null =>
    spawnSync(
      process.execPath,
      [
        "--input-type=module",
        ...["--eval", `import { exit } from "./harness/platform/output.ts"; process.exitCode = 3; ${end}`],
      ],
      { cwd: repoRoot() },
    ).status;
  expect(codeOf("await exit();")).toBe(3);
  expect(codeOf("await exit(undefined);")).toBe(3);
  expect(codeOf("await exit(1);")).toBe(1);
  expect(codeOf("await exit(0);")).toBe(0);
});
