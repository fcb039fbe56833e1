import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { planLab } from "#harness/config/plan.ts";
import { exampleLabState } from "#harness/model/examples.ts";
import { repoRoot } from "#harness/platform/paths.ts";

/** Every test of the suites, by suite, listed by vitest itself on a lab that exists on paper only. */
export async function listTestsOnPaper(): Promise<Map<string, string[]>> {
  const state = mkdtempSync(join(tmpdir(), "meshproof-list-"));
  try {
    const plan = await planLab({ lab: "paper" });
    const dir = join(state, "meshproof/labs/paper");
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, "state.json"), JSON.stringify(exampleLabState({ plan })));
    for (const c of plan.clusters) {
      const name = `kind-meshproof-paper--${c.name}`;
      const config = {
        clusters: [{ name, cluster: { server: "https://127.0.0.1:1" } }],
        users: [{ name, user: {} }],
        contexts: [{ name, context: { cluster: name, user: name } }],
      };
      writeFileSync(join(dir, `${c.name}.kubeconfig`), JSON.stringify(config));
    }
    const told = execFileSync(
      join(repoRoot(), "node_modules/.bin/vitest"),
      ["list", "--project", "suites", "--json", "--no-static-parse"],
      {
        cwd: repoRoot(),
        encoding: "utf8",
        env: { ...process.env, XDG_STATE_HOME: state, MESHPROOF_TEST_LAB: "paper", NODE_OPTIONS: "" },
      },
    );
    const tests = JSON.parse(told.slice(told.indexOf("["))) as { name: string; file: string }[];
    const bySuite = new Map<string, string[]>();
    for (const { name, file } of tests) {
      const suite = /([^/]+)\.test\.ts$/.exec(file)![1]!;
      bySuite.set(suite, [...(bySuite.get(suite) ?? []), name]);
    }
    return bySuite;
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}
