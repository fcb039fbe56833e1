import { open } from "node:fs/promises";
import { basename, extname } from "node:path";
import { messageOf } from "#harness/lib/errors.ts";
import { shortList } from "#harness/lib/short-list.ts";
import { hasInstallCommand } from "./commands/install-commands.ts";

/** Programs, variables and documents by which people install charts; none of them is read. */
const programs: ReadonlySet<string> = new Set(
  ".tf .tfvars .hcl .ps1 .bat .cmd .mk .just .j2 .tpl .tmpl .nix .cue .jsonnet .libsonnet .star .toml .env .py .ts".split(
    " ",
  ),
);
const isProgram = (path: string): boolean =>
  programs.has(extname(path).toLowerCase()) ||
  /^(gnu)?makefile$|^justfile$|^tiltfile$|^\.env$/i.test(basename(path));

/** Of a file whose beginning tells nothing, the rest does not either. */
const mostBytes = 256 * 1024;

/** The path of a value of Cilium's chart, in quotes or for `--set`. */
const pair =
  /(?:["'`]|--set(?:-string)?[ =]["']?)(cluster\.(?:id|name)|clustermesh\.[a-z]\w*|ipam\.(?:mode|operator)[\w.]*)(?=["'`=])/g;

/**
 * Why a file of a folder that is not read may change what is installed: it has commands that install Cilium, or values of
 * its chart, or nobody knows; undefined of all other files.
 */
export async function unreadInstaller(path: string): Promise<string | undefined> {
  if (!isProgram(path)) return undefined;
  let text: string;
  try {
    text = await beginningOf(path);
  } catch (error) {
    return `cannot be read: ${messageOf(error)}`;
  }
  if (text.includes("\0") || !/cilium/i.test(text)) return undefined;
  const pairs = [...new Set([...text.matchAll(pair)].flatMap(([, name]) => name ?? []))];
  if (pairs.length > 0)
    return `is not read, and has values of Cilium's chart, which may be in force over those of other files: ${shortList(pairs, 4)}`;
  return hasInstallCommand(text) || /\bhelm_release\b/.test(text)
    ? "is not read, and installs Cilium, perhaps with more values than those of other files"
    : undefined;
}

async function beginningOf(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(mostBytes), 0, mostBytes, 0);
    return buffer.subarray(0, bytesRead).toString("utf8");
  } finally {
    await file.close();
  }
}
