import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { planLab } from "#harness/config/plan.ts";
import { labFileOf } from "#harness/config/profiles.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleJournal, examplePhase, exampleSuiteWindow } from "#harness/model/certificate-examples.ts";
import { exampleArtifacts, exampleLabState } from "#harness/model/examples.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { profileNames } from "#harness/model/profile.ts";
import { currentOwner } from "#harness/platform/owner.ts";
import {
  certificationOf,
  hasCertification,
  readCertification,
  reportInterrupted,
  writeCertification,
} from "./certification-journal.ts";
import { readFaultJournal, writeFaultJournal } from "./fault-journal.ts";
import { labDir, readLabState, requireLab, writeLabState } from "./lab.ts";

let dir = "";
beforeEach(() => {
  dir = tempFolder("state");
  process.env.XDG_STATE_HOME = dir;
});
afterEach(() => {
  delete process.env.XDG_STATE_HOME;
  rmSync(dir, { recursive: true, force: true });
});

function write(lab: string, file: string, content: unknown): string {
  const path = join(labDir(lab), file);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const without = (value: object, ...keys: string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)));

const refused = (message: string, remedy: string, code = "config-conflict", exitCode = 2) =>
  expect.objectContaining({
    code,
    exitCode,
    message: expect.stringContaining(message),
    remedy: expect.stringContaining(remedy),
  });

describe("the state of a lab", () => {
  const kindConfigs = join(labFileOf("default"), "..");
  test.each([
    ...profileNames.map((p) => labFileOf(p)),
    ...["ids-511.yaml", "native-routing.yaml", "dual-stack/lab.yaml"].map((f) => join(kindConfigs, f)),
  ])("of every lab file is read back unchanged: %s", async (labFile) => {
    const plan = await planLab({ lab: "ours", labFile });
    const state = exampleLabState({ plan, artifacts: exampleArtifacts(plan) });
    await writeLabState(state);
    expect(await readLabState("ours")).toEqual(state);
  });

  /** A lab of version 1: its owner is the process that removes it. */
  const first = (): Record<string, unknown> & Pick<LabState, "plan" | "artifacts"> => {
    const { owner: _, ...state } = exampleLabState({ lab: "ours" });
    return { ...state, version: 1 };
  };

  test("of before this check is read, because its keys are the same", async () => {
    const remover = { pid: 12, pidStart: "34" };
    const state = exampleLabState({ lab: "ours", owner: currentOwner().id, remover });
    // Builds from source also stored their times and images.
    const artifacts = { ...state.artifacts, times: [{ part: "kind", ms: 1 }], pushable: ["x"] };
    write("ours", "state.json", `${JSON.stringify({ ...state, artifacts }, null, 2)}\n`);
    expect(await requireLab("ours")).toEqual(state);
  });

  test.each([
    ["networks and suites", (plan: object) => without(plan, "networks", "suites"), "plan.networks:"],
    ["profiles", (plan: object) => without(plan, "profile"), "plan.profile:"],
  ])("of before there were %s is refused; the message names the lab", async (_name, older, place) => {
    const state = first();
    const path = write("ours", "state.json", { ...state, plan: older(state.plan) });
    await expect(readLabState("ours")).rejects.toThrow(
      refused(
        `the state of lab ours (${path}) was written by an older Meshproof and cannot be used by this one (${place}`,
        "`npm run mesh -- down --lab ours`",
      ),
    );
  });

  test("without a newer budget has its default", async () => {
    const state = first();
    const budgets = without(state.plan.budgets, "upgradeLostMs");
    write("ours", "state.json", { ...state, plan: { ...state.plan, budgets } });
    expect((await readLabState("ours"))?.plan).toEqual(state.plan);
  });

  test("of a newer Meshproof is refused; the message names the lab", async () => {
    write("ours", "state.json", { ...exampleLabState({ lab: "ours" }), version: 1000 });
    await expect(readLabState("ours")).rejects.toThrow(
      refused("was written by a newer Meshproof (version 1000;", "`npm run mesh -- down --lab ours`"),
    );
  });

  test.each([["{"], [""]])("that is not JSON is a broken lab: %j", async (content) => {
    write("ours", "state.json", content);
    await expect(readLabState("ours")).rejects.toThrow(
      refused("is not JSON", "down --lab ours", "lab-broken", 3),
    );
  });

  test("that does not exist means no lab", async () => {
    expect(await readLabState("ours")).toBeUndefined();
  });
});

describe("the journal of a certification", () => {
  const today = exampleJournal();
  const old = without(today, "version", "identity");

  test("is read back unchanged", async () => {
    await writeCertification("theirs", today);
    expect(await readCertification("theirs")).toEqual(today);
  });

  test("is reported with the command that resumes it", async () => {
    write("ours", "certify.json", today);
    const lines: string[] = [];
    await reportInterrupted("ours", (line) => lines.push(line));
    expect(lines.join()).toContain('is in cycle 2 of 5, phase "upgrade east first"');
    expect(lines.join()).toContain("run `npm run mesh -- certify --resume --lab ours` to resume");
  });

  test("whose traffic had not begun is before its baseline", async () => {
    write("ours", "certify.json", {
      ...today,
      ...{ startedAtUnixMs: null, recordedUntilUnixMs: null, beginning: null, done: [], current: "baseline" },
    });
    expect(await certificationOf("ours")).toMatch(
      /is in cycle 2 of 5, before its baseline; finished phases: none$/,
    );
  });

  test("lists finished windows of suites among the phases, by time", async () => {
    write("ours", "certify.json", {
      ...today,
      done: [examplePhase(), examplePhase({ name: "upgrade east first", startMs: 300_000 })],
      suiteWindows: [exampleSuiteWindow({ startMs: 120_000 })],
      current: "mixed versions, east new",
    });
    expect(await certificationOf("ours")).toMatch(
      /phase "mixed versions, east new"; finished phases: "baseline", "suites, baseline", "upgrade east first"$/,
    );
  });

  test.each([
    ["of before there were versions", old, "version: expected 3, found nothing"],
    [
      "of version 1, whose phases were measured in part",
      { ...old, version: 1 },
      "version: expected 3, found 1",
    ],
    [
      "of version 2, which lacks the state in which the cycle began",
      { ...without(today, "beginning", "differing"), version: 2 },
      "version: expected 3, found 2",
    ],
    ["that is empty", {}, "version: expected 3, found nothing"],
  ])("%s is refused; the message names the lab", async (_name, journal, place) => {
    const path = write("ours", "certify.json", journal);
    await expect(readCertification("ours")).rejects.toThrow(
      refused(
        `the certification journal of lab ours (${path}) was written by an older Meshproof and cannot be used by this one (${place}`,
        "run `npm run mesh -- down --lab ours`, then certify again",
      ),
    );
    // Other commands report it and continue.
    const lines: string[] = [];
    await reportInterrupted("ours", (line) => lines.push(line));
    expect(lines.join()).toMatch(
      /was written by an older Meshproof.*: run `npm run mesh -- down --lab ours` to clean up/,
    );
    expect(await certificationOf("ours")).toContain("was written by an older Meshproof");
    expect(await hasCertification("ours")).toBe(true);
  });

  test("of a newer Meshproof is refused; the message names the lab", async () => {
    write("ours", "certify.json", { ...today, version: 4 });
    await expect(readCertification("ours")).rejects.toThrow(
      refused("was written by a newer Meshproof (version 4;", "`npm run mesh -- down --lab ours`"),
    );
  });

  test("is reported without the keys that it contains", async () => {
    write("ours", "certify.json", { ...today, given: { east: "SECRET" }, command: ["SECRET"] });
    const error = await readCertification("ours").catch((e: unknown) => e);
    expect(String(error)).toContain("given.east: ");
    expect(String(error)).not.toContain("SECRET");
  });
});

describe("an entry of the fault journal", () => {
  const entry = {
    version: 1 as const,
    ...{ id: "f-1", fault: "f", injectedAt: "2026-11-21T12:00:00Z", pid: 1, pidStart: "2" },
    undo: [{ do: "scale" as const, cluster: "east", namespace: "x", name: "y", replicas: 2 }],
  };

  test("is read back unchanged, also one without a version", async () => {
    await writeFaultJournal("ours", entry);
    write("ours", "faults/f-2.json", without({ ...entry, id: "f-2" }, "version"));
    expect(await readFaultJournal("ours")).toEqual([entry, { ...entry, id: "f-2" }]);
  });

  test.each([
    [
      "without the start time of its process",
      without(entry, "version", "pidStart"),
      "was written by an older Meshproof and cannot be used by this one (pidStart: expected string, found nothing)",
      "config-conflict",
    ],
    [
      "with an unknown step",
      { ...entry, undo: [{ do: "pray" }] },
      "is malformed: undo.0.do: ",
      "config-invalid",
    ],
    ["of a newer Meshproof", { ...entry, version: 2 }, "was written by a newer Meshproof", "config-conflict"],
  ])("%s is refused; the message names the lab", async (_name, content, message, code) => {
    const path = write("ours", "faults/f-1.json", content);
    await expect(readFaultJournal("ours")).rejects.toThrow(
      refused(
        `an entry in the fault journal of lab ours (${path}) ${message}`,
        "`npm run mesh -- down --lab ours`",
        code,
      ),
    );
  });
});
