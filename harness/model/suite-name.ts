import { z } from "zod";

/** Suites that were renamed: files and labs of before still say the old name. */
const renamed: Readonly<Record<string, string>> = { field: "rebuilt-environment" };

/** The name of a suite, as it is today. */
export const suiteNameSchema = z.string().overwrite((name) => renamed[name] ?? name);
