import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { Sample } from "#harness/model/history.ts";
import { sampleLine } from "#harness/model/history-lines.ts";
import { HistoryFile, readHistory, readHistorySoFar, writeCsv } from "./history-file.ts";

const dir = tempFolder("history");
afterAll(() => rmSync(dir, { recursive: true }));

const head = {
  title: "t",
  vantage: "east/w",
  target: "10.0.0.1:80",
  everyMs: 5,
  timeoutMs: 1000,
  connection: "new" as const,
  startedAt: "",
  startedAtUnixMs: 7,
};

test("a history is written to disk, read back, and exported as CSV", async () => {
  const path = join(dir, "deep/h.ndjson");
  const file = await HistoryFile.create(path, head);
  const ok = { outcome: "ok", servedBy: "echo-east-a", cluster: "east" } as const;
  const samples: Sample[] = [
    { seq: 1, dueMs: 5, sentMs: 5.1, endMs: 6.1, outcome: "refused", detail: 'a "b", c' },
    { seq: 0, dueMs: 0, sentMs: 0.2, endMs: 1, ...ok },
  ];
  for (const s of samples) file.write(`${sampleLine("s", s)}\n`);
  await file.close({ marks: [], cpuShare: 0.1, clockErrorMs: 0.3 });
  const history = await readHistory(path);
  expect([...history.samples].map((s) => s.outcome)).toEqual(["ok", "refused"]);
  await writeCsv(join(dir, "h.csv"), history);
  expect(readFileSync(join(dir, "h.csv"), "utf8").split("\n")).toEqual([
    "seq,due_ms,sent_ms,end_ms,outcome,served_by,cluster,started_at_unix_ms,detail",
    "0,0,0.2,1,ok,echo-east-a,east,7,",
    '1,5,5.1,6.1,refused,,,7,"a ""b"", c"',
    "",
  ]);
});

test("an incomplete history of a killed harness is refused, naming the file, and a missing file is a system error", async () => {
  const path = join(dir, "cut.ndjson");
  await (await HistoryFile.create(path, head)).close();
  await expect(readHistory(path)).rejects.toThrow(/cut.ndjson has no last line/);
  await expect(readHistory(join(dir, "none.ndjson"))).rejects.toThrow(/ENOENT/);
});

test("the complete lines of a running prober's history are read", async () => {
  const path = join(dir, "open.ndjson");
  const file = await HistoryFile.create(path, head);
  file.write(`${sampleLine("c", { seq: 0, dueMs: 0, sentMs: 0, endMs: 1, outcome: "timeout" })}\n["s",1,`);
  await file.close();
  const { vantage, control, samples } = (await readHistorySoFar(path)) ?? {};
  expect([vantage, [...(control ?? [])].map((c) => c.outcome), samples?.length]).toEqual([
    "east/w",
    ["timeout"],
    0,
  ]);
  expect(await readHistorySoFar(join(dir, "none.ndjson"))).toBeUndefined();
});
