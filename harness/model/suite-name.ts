import { z } from "zod";

/** Old names of renamed suites, which existing files and labs still use. */
const renamed: Readonly<Record<string, string>> = { field: "rebuilt-environment" };

/** The current name of a suite. */
export const suiteNameSchema = z.string().overwrite((name) => renamed[name] ?? name);
