import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kindNameIn } from "#harness/config/lab-name.ts";
import { planLab } from "#harness/config/plan.ts";
import { currentOwner } from "#harness/platform/owner.ts";
import { repoRoot } from "#harness/platform/paths.ts";

/** Every test of the suites, by suite, listed by vitest itself on a lab that exists on paper only. */
export async function listTestsOnPaper(): Promise<Map<string, string[]>> {
  const state = mkdtempSync(join(tmpdir(), "meshproof-list-"));
  try {
    const plan = await planLab({ lab: "paper" });
    const owner = currentOwner(join(state, "meshproof"));
    const dir = join(state, "meshproof/labs/paper");
    mkdirSync(dir, { recursive: true });
    const versions = Object.fromEntries(plan.clusters.map((c) => [c.name, { ciliumVersion: c.cilium }]));
    const artifacts = { clusters: versions, agnhostImage: "x", proberImage: "x" };
    writeFileSync(
      join(dir, "state.json"),
      JSON.stringify({ version: 2, lab: "paper", owner: owner.id, phase: "up", plan, artifacts }),
    );
    for (const c of plan.clusters) {
      const name = `kind-${kindNameIn(owner.short, "paper", c.name)}`;
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
