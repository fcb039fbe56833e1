import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { programOf } from "#harness/cli/main.ts";
import { Session } from "#harness/cli/session.ts";
import { readProveTables } from "#harness/config/prove-tables.ts";
import { findingKinds } from "#harness/diagnose/catalogue/index.ts";
import { faults } from "#harness/faults/index.ts";
import { Interruption } from "#harness/jobs/interruption.ts";
import { errorCodes } from "#harness/lib/error-codes.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { loadSuites, suitesDir } from "#harness/testkit/suite-list.ts";
import { budgetsPage } from "./budgets.ts";
import { campaignPlanPage } from "./campaign-plan.ts";
import { cliPage } from "./cli.ts";
import { errorCodesPage } from "./error-codes.ts";
import { faultsPage } from "./faults.ts";
import { findingPages } from "./findings.ts";
import { labFilePage } from "./lab-file.ts";
import { list, type Page, page } from "./markdown.ts";
import { reportSchemaPage } from "./report-schema.ts";
import { suitesPage } from "./suites.ts";

export const referenceDir = (): string => join(repoRoot(), "docs/reference");

/** Every page of the reference, from the current records. Reads files of the repository; needs no lab. */
export async function referencePages(): Promise<readonly Page[]> {
  return [
    page(
      "README.md",
      "Reference",
      "`npm test` compares these pages with the records that they are generated from.",
      list([
        "[Suites](suites.md): what each test checks",
        "[Faults](faults.md): what each fault does, and which tests it must make fail",
        "[Command line](cli.md): commands, arguments and options",
        "[Lab file](lab-file.md): keys and defaults",
        "[Campaign plan](campaign-plan.md): keys and defaults",
        "[Budgets](budgets.md): limits that verdicts depend on",
        "[Report schema](report-schema.md): keys of `report.json` and `certificate.yaml`",
        "[Error codes](error-codes.md): exit code, blame and remedy of each error",
        "[Findings](findings/README.md): what `diagnose` reports: meaning, confirmation by hand, remedy",
      ]),
    ),
    suitesPage(await loadSuites()),
    faultsPage(faults, await readProveTables(suitesDir())),
    cliPage(programOf(new Session(new Interruption(), "meshproof"))),
    labFilePage(),
    campaignPlanPage(),
    budgetsPage(),
    reportSchemaPage({ report: await schemaOf("report"), certificate: await schemaOf("certificate") }),
    errorCodesPage(errorCodes),
    ...findingPages(findingKinds),
  ];
}

const schemaOf = async (name: string): Promise<unknown> =>
  JSON.parse(await readFile(join(repoRoot(), `reports/${name}.schema.json`), "utf8"));
