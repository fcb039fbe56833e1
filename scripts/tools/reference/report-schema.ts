import { keysOf, readJsonSchema, writtenKeys } from "./json-schema.ts";
import { type Page, page } from "./markdown.ts";

/** The keys of the files that runs and certifications write, from their JSON schemas. */
export function reportSchemaPage(schemas: { readonly report: unknown; readonly certificate: unknown }): Page {
  return page(
    "report-schema.md",
    "Report schema",
    "Keys are added and never renamed. The ending of a name is its unit: `Ms` is milliseconds.",
    "## report.json",
    "Every run of suites writes it to `reports/<run-id>/`. JSON Schema: [`reports/report.schema.json`](../../reports/report.schema.json).",
    writtenKeys(keysOf(readJsonSchema(schemas.report))),
    "## certificate.yaml",
    "`certify` writes it; a published one is `reports/published/<version>/upgrade-from-<version>.yaml`. JSON Schema: [`reports/certificate.schema.json`](../../reports/certificate.schema.json).",
    writtenKeys(keysOf(readJsonSchema(schemas.certificate))),
  );
}
