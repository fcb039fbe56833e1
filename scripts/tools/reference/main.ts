// `npm run reference`: writes docs/reference/ from the records; a unit test checks that they match.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { guardOutput } from "#harness/platform/output.ts";
import { referenceDir, referencePages } from "./pages.ts";

guardOutput();
const pages = await referencePages();
mkdirSync(referenceDir(), { recursive: true });
for (const file of readdirSync(referenceDir()))
  if (!pages.some((p) => p.file === file)) rmSync(join(referenceDir(), file));
for (const { file, text } of pages) writeFileSync(join(referenceDir(), file), text);
process.stdout.write(`${pages.length} pages written to docs/reference\n`);
process.exit();
