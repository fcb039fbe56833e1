// `npm run schema`: writes reports/*.schema.json from the code; a test checks that they match.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { certificateSchema } from "#harness/model/certificate.ts";
import { runRecordSchema } from "#harness/model/record.ts";
import { repoRoot } from "#harness/platform/paths.ts";

for (const [name, schema] of [
  ["report", runRecordSchema],
  ["certificate", certificateSchema],
] as const)
  writeFileSync(
    join(repoRoot(), `reports/${name}.schema.json`),
    `${JSON.stringify(z.toJSONSchema(schema), null, 2)}\n`,
  );
