import type { SourceCluster } from "#harness/model/source-environment.ts";
import { type Files, folderOf } from "./gitops/example-files.ts";
import { type LabDraft, labOf } from "./lab-of.ts";
import { readSource } from "./read-source.ts";

export const readFolder = async (files: Files): Promise<SourceCluster[]> => readSource([folderOf(files)]);

/** The lab of a folder; Cilium's version is 1.18.6 where no file says another. */
export const draftOf = async (files: Files): Promise<LabDraft> =>
  labOf(await readFolder(files), [], { "": "1.18.6" });

/** What the plan says first: what is wrong in the source itself. */
export const firstLines = async (files: Files): Promise<string[]> =>
  (await draftOf(files)).differences
    .filter((d) => d.part === "source")
    .map((d) => `${d.cluster}: ${d.field}: ${d.inSource} [${d.matters}]`);
