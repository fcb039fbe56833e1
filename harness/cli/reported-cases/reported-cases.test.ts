import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { parse as parseYaml } from "yaml";
import { endOf } from "#harness/jobs/end-of.ts";
import { Interruption } from "#harness/jobs/interruption.ts";
import { checkRecord } from "#harness/lib/records.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { stderr, stdout } from "#harness/platform/output.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { programOf } from "../main.ts";
import { Session } from "../session.ts";
import { type Expected, expectedFormat } from "./expected-file.ts";
import { holds, type Miss, missesOf, type Replayed, statementsOf } from "./replay.ts";

const home = import.meta.dirname;
const cases = join(home, "fixtures");
const folders = globSync("*/", { cwd: cases }).map((f) => f.replace(/\/$/, ""));

const readYaml = (...path: readonly string[]): unknown =>
  parseYaml(readFileSync(join(home, ...path), "utf8"));

const isExpectation = (file: string): boolean => /^expected(\.[\w.-]+)?\.yaml$/.test(file);
/** `expected.yaml`, and one for each other command that the case is replayed with. */
const expectations = folders.flatMap((folder) =>
  globSync("expected*.yaml", { cwd: join(cases, folder) })
    .toSorted()
    .map((file) => [folder, file] as const),
);

const expectedIn = (...path: readonly string[]): Expected =>
  checkRecord(readYaml(...path), expectedFormat, {
    what: path.join("/"),
    remedy: "see expected-file.ts",
  });

/** `alpha=FILE` names a file too. */
const fileOf = (word: string): string => word.replace(/^[a-z0-9-]+=/, "");

function argvOf(dir: string, expected: Expected, out: string): string[] {
  const files = expected.files.map((w) => w.replace(/[^=]+$/, (file) => join(dir, file)));
  if (expected.command === "certify --check") {
    const from = expected.from === undefined ? [] : ["--from", expected.from];
    return ["certify", "--check", "--to", expected.to, ...from, ...files];
  }
  if (expected.command === "diagnose") return ["diagnose", ...files];
  if (expected.command === "diagnose --what-if") return ["diagnose", ...files, "--what-if", expected.setting];
  return ["repro", ...files, "--plan", "--out", out];
}

/** Runs a command line as `main` does, in this process, which is faster than a process for each. */
async function replay(argv: readonly string[], written: string): Promise<Replayed> {
  const said = { out: "", err: "" };
  const to =
    (key: "out" | "err") =>
    (...pieces: readonly (string | { readonly text: string })[]): void => {
      said[key] += pieces.map((p) => (typeof p === "string" ? p : p.text)).join("");
    };
  vi.spyOn(stdout, "print").mockImplementation(to("out"));
  vi.spyOn(stderr, "print").mockImplementation(to("err"));
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    const interruption = new Interruption();
    const program = programOf(new Session(interruption, "npm run mesh"));
    const { exitCode } = await endOf(() => program.parseAsync([...argv], { from: "user" }), {
      report: undefined,
      signal: interruption.signal,
      warn: (text) => to("err")(text, "\n"),
    });
    return { ...said, exit: Number(exitCode ?? process.exitCode ?? 0), written };
  } finally {
    process.exitCode = before;
    vi.restoreAllMocks();
  }
}

describe("the cases that operators reported", () => {
  test("every folder is a case, and every file of it is used", () => {
    expect(folders.length).toBeGreaterThan(6);
    expect(globSync("*", { cwd: cases })).toHaveLength(folders.length);
    for (const folder of folders) {
      expect(
        expectations.filter(([of]) => of === folder).map(([, file]) => file),
        folder,
      ).toEqual(expect.arrayContaining(["expected.yaml", "expected.check.yaml"]));
      const used = expectations
        .filter(([of]) => of === folder)
        .flatMap(([, file]) => expectedIn("fixtures", folder, file).files.map(fileOf));
      const files = globSync("**/*.*", { cwd: join(cases, folder) }).filter((f) => !isExpectation(f));
      const unused = files.filter((f) => !used.some((u) => f === u || f.startsWith(`${u}/`)));
      expect(unused, folder).toEqual([]);
    }
  });

  test.each(expectations)(
    "%s is answered as expected (%s)",
    async (folder, file) => {
      await answers(expectedIn("fixtures", folder, file), join(cases, folder));
    },
    60_000,
  );
});

/** Archives of a real mesh lie beside the repository, not in it. */
const sysdumps = join(repoRoot(), "../shared/sysdumps");

describe.skipIf(!existsSync(sysdumps))("archives of cilium sysdump", () => {
  test.each(globSync("*.yaml", { cwd: join(home, "sysdumps") }).toSorted())(
    "%s is answered as expected, within a minute",
    async (file) => {
      await answers(expectedIn("sysdumps", file), sysdumps);
    },
    60_000,
  );
});

async function answers(expected: Expected, dir: string): Promise<void> {
  const out = join(tempFolder("reported-case"), "lab");
  const did = await replay(argvOf(dir, expected, out), out);
  const misses = await missesOf(expected, did);
  const missed = misses.map((m) => `${m.id}: ${m.why}`);
  expect(missed, `the command printed:\n${did.out}${did.err}`).toEqual([]);
}

describe("the command line in this process", () => {
  test("a refusal has its exit code, and its words are on standard error", async () => {
    const did = await replay(["diagnose", join(cases, "none.zip")], "");
    expect(did).toMatchObject({ exit: 2, out: "", err: expect.stringContaining("none.zip") });
  });

  test("what a command sets by itself is its exit code, and does not become that of the tests", async () => {
    const before = process.exitCode;
    const file = join(tempFolder("what-if"), "policy.yaml");
    const spec = { endpointSelector: {}, ingress: [{ fromEndpoints: [{}] }] };
    const metadata = { name: "one", namespace: "shop" };
    writeFileSync(
      file,
      JSON.stringify({ apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata, spec }),
    );
    const argv = ["diagnose", `east=${file}`, "--what-if", "policyDefaultLocalCluster=true"];
    expect(await replay(argv, "")).toMatchObject({ exit: 1, out: expect.stringContaining("shop/one") });
    expect(process.exitCode).toBe(before);
  });
});

describe("the comparison itself", () => {
  const checked = (more: object): Expected =>
    checkRecord({ source: "x", command: "diagnose", files: ["a.zip"], exit: 1, ...more }, expectedFormat, {
      what: "x",
      remedy: "x",
    });
  const did = (over: Partial<Replayed>): Replayed => ({ exit: 1, out: "", err: "", written: cases, ...over });
  const ids = async (misses: Promise<readonly Miss[]>): Promise<string[]> => (await misses).map((m) => m.id);
  const finding = "1. [services] shop/cart\n   no backend in west\n   next: apply it\n";

  test("a finding is one statement, a line of a plan too; headings and closing lines are none", () => {
    expect(statementsOf(`${finding}possibly intended:\n2. [x] y\n`)).toEqual([
      "1. [services] shop/cart no backend in west next: apply it",
      "2. [x] y",
    ]);
    expect(
      statementsOf("cluster  what  in the lab\nalpha    ipam  eni\n         more\n\n1 difference; written\n"),
    ).toEqual(["alpha ipam eni more"]);
  });

  test("words are whole, alternatives are one of several, case does not count", () => {
    expect(holds("alpha ipam.mode ENI yes", ["eni", ["no", "yes"]])).toBe(true);
    expect(holds("alpha penitent yes", ["eni"])).toBe(false);
    expect(holds("110.6.0.0/16", ["10.6.0.0/16"])).toBe(false);
    expect(holds("alpha eni perhaps", ["eni", ["no", "yes"]])).toBe(false);
  });

  test("what is said first, at all and not at all is compared", async () => {
    const expected = checked({
      first: ["shop/cart"],
      names: { west: ["no backend", "west"] },
      not: { agent: ["restart", "agent"] },
    });
    expect(await ids(missesOf(expected, did({ out: finding })))).toEqual([]);
    const other = "1. [x] agent\n   restart the agent\n";
    expect(await ids(missesOf(expected, did({ out: other + finding })))).toEqual(["first", "not.agent"]);
    expect(await ids(missesOf(expected, did({ exit: 0, out: "" })))).toEqual([
      "exit",
      "first",
      "names.west",
      "not.agent",
    ]);
  });

  test("a refusal names the file", async () => {
    const expected = checked({ exit: 2, refuses: "a.zip" });
    expect(await ids(missesOf(expected, did({ exit: 2, err: "[usage] /x/a.zip is empty\n" })))).toEqual([]);
    expect(await ids(missesOf(expected, did({ exit: 2, err: "[usage] it is empty\n" })))).toEqual([
      "refuses",
    ]);
  });

  test("the lab's files are compared, and a file that was not written lacks nothing", async () => {
    const at = { file: "01-rke2-helmchartconfig/alpha.yaml", at: "spec.valuesContent" };
    const lab = {
      up: "accepted",
      holds: {
        kind: { ...at, object: "HelmChartConfig kube-system/rke2-cilium", at: "kind", is: "HelmChartConfig" },
        other: { ...at, is: "x" },
      },
      lacks: { text: at, gone: { ...at, at: "spec.gone" }, file: { ...at, file: "none.yaml" } },
    };
    const expected = checked({ command: "repro --plan", lab });
    expect(await ids(missesOf(expected, did({})))).toEqual([
      "lab.up",
      "lab.holds.other",
      "lab.lacks.text",
      "lab.lacks.file",
    ]);
  });

  test.each([
    ["an unknown key", { frist: ["x"] }],
    ["a key of another command", { lab: { up: "accepted" } }],
    ["exit 2 without the file that is refused", { exit: 2 }],
    ["a refusal with another exit code", { exit: 1, refuses: "a.zip" }],
    ["a choice about no expectation", { chosen: { "names.x": "because" } }],
  ])("%s is refused", (_, more) => {
    expect(() => checked(more)).toThrow("expected.yaml" in more ? "" : /malformed/);
  });
});
