// `npm run reference`: writes docs/reference/ from the records; a unit test checks that they match.
import { globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { exit, guardOutput } from "#harness/platform/output.ts";
import { referenceDir, referencePages } from "./pages.ts";

guardOutput();
const pages = await referencePages();
for (const file of globSync("**/*.md", { cwd: referenceDir() }))
  if (!pages.some((p) => p.file === file)) rmSync(join(referenceDir(), file));
for (const { file, text } of pages) {
  mkdirSync(dirname(join(referenceDir(), file)), { recursive: true });
  writeFileSync(join(referenceDir(), file), text);
}
process.stdout.write(`${pages.length} pages written to docs/reference\n`);
await exit();
