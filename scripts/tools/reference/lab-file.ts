import { z } from "zod";
import { labFileSchema } from "#harness/config/lab-file.ts";
import { keysOf, readJsonSchema, readKeys } from "./json-schema.ts";
import { type Page, page } from "./markdown.ts";

const example = `\`\`\`yaml
cilium: 1.20.2
suites: [mcs-api]
values:
  clustermesh:
    mcsapi:
      enabled: true
budgets:
  failoverMs: 3000
clusters:
  - { name: east, id: 1, kindConfig: east.yaml }
  - { name: west, id: 2, kindConfig: west.yaml }
\`\`\``;

/** The keys of a lab file; budgets have a separate page. */
export function labFilePage(): Page {
  const keys = keysOf(readJsonSchema(z.toJSONSchema(labFileSchema, { io: "input" })));
  return page(
    "lab-file.md",
    "Lab file",
    "The YAML file that `--lab-file` names. Unknown keys are refused. The default is `kind-configs/lab.yaml`.",
    readKeys(keys.filter((k) => !/^(?:budgets|rig)\./.test(k.path))),
    "The keys of `budgets` and `rig`: [budgets](budgets.md).",
    "For example:",
    example,
  );
}
