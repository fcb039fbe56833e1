import { z } from "zod";
import { campaignPlanSchema } from "#harness/config/campaign-plan.ts";
import { keysOf, readJsonSchema, readKeys } from "./json-schema.ts";
import { type Page, page } from "./markdown.ts";

const example = `\`\`\`yaml
name: mine
seed: 1
settings:
  tuned: { labFile: ../../../kind-configs/lab.yaml, cilium: 1.20.2 }
rows:
  - { suite: failover, scenario: scale to zero, affinity: local, runs: 20, labs: 5 }
  - { scenario: agent restart, affinity: remote, runs: 10, labs: 3 }
\`\`\``;

/** The keys of a campaign's plan. */
export function campaignPlanPage(): Page {
  const keys = keysOf(readJsonSchema(z.toJSONSchema(campaignPlanSchema, { io: "input" })));
  return page(
    "campaign-plan.md",
    "Campaign plan",
    "The YAML file that `measure` takes. Unknown keys are refused. Checked-in plans are in `reports/campaigns/`.",
    readKeys(keys),
    "For example:",
    example,
  );
}
