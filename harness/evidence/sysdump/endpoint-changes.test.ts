import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { entriesOf, exampleDump, zipOf } from "./examples.ts";
import { readSysdumps } from "./sysdump.ts";

// The example's archive was begun at 09:59:06.
const line = (at: string, ip: string): string =>
  `2026-11-21T${at}.000000000Z level=info msg="Removed endpoint" ipv4=${ip} ipv6="" subsys=endpoint`;
const meshLine =
  '2026-11-21T08:00:00Z level=info msg="Connection to remote cluster established" clusterName=c2 subsys=clustermesh';

async function evidenceWith(log: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const files = Object.entries(exampleDump()).map(([name, text]) => [
    name,
    name.includes("logs-cilium-aaaaa") ? `${log.join("\n")}\n` : text,
  ]);
  const path = join(tempFolder("changes"), "a.zip");
  await writeFile(path, zipOf(entriesOf(Object.fromEntries(files))));
  const [dump] = await readSysdumps(path);
  if (dump === undefined) throw new Error("one dump");
  return dump.evidence;
}

test("what agents log of endpoints is kept from an hour before the archive was begun", async () => {
  const evidence = await evidenceWith([line("08:00:00", "10.1.1.7"), line("10:00:31", "10.1.1.209")]);
  expect(JSON.parse(evidence.get("endpoint-changes.json") ?? "")).toEqual([
    { ip: "10.1.1.209", atMs: Date.parse("2026-11-21T10:00:31Z") },
  ]);
  expect(evidence.get("agent-n1-log.txt")).toBe("");
});

test("many lines about endpoints do not push out those about peers", async () => {
  const many = Array.from({ length: 30_000 }, () => line("10:00:31", "10.1.1.209"));
  const evidence = await evidenceWith([meshLine, ...many]);
  expect(evidence.get("agent-n1-log.txt")).toBe(meshLine);
});
