// `npm run schema`: reports/report.schema.json from the code; a test keeps the two alike.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { repoRoot } from "#harness/host/paths.ts";
import { reportSchema } from "#harness/report/schema.ts";

writeFileSync(
  join(repoRoot(), "reports/report.schema.json"),
  `${JSON.stringify(z.toJSONSchema(reportSchema), null, 2)}\n`,
);
