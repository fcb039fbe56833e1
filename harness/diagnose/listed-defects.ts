import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { knownDefectSchema } from "#harness/model/known-defect.ts";

/** For tests: suites/known-defects.yaml, with which every command diagnoses. */
export const listedDefects = z
  .array(knownDefectSchema)
  .parse(parse(readFileSync(join(import.meta.dirname, "../../suites/known-defects.yaml"), "utf8")));
