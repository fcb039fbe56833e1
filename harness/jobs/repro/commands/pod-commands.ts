import { shellQuote } from "#harness/lib/shell-quote.ts";
import { isMapping, valueAt } from "#harness/lib/value-at.ts";
import { hasInstallCommand } from "./install-commands.ts";

/** Where the pods of each kind are described. */
const podOf: Readonly<Record<string, string>> = {
  Pod: "spec",
  Job: "spec.template.spec",
  CronJob: "spec.jobTemplate.spec.template.spec",
};

/**
 * The commands of an object's containers that install Cilium, as a shell would read them: Talos, kubespray and others
 * install it by a Job that runs the CLI or Helm.
 */
export function commandsInPod(document: Readonly<Record<string, unknown>>): string[] {
  const { kind } = document;
  const place = typeof kind === "string" && Object.hasOwn(podOf, kind) ? podOf[kind] : undefined;
  const spec = place === undefined ? undefined : valueAt(document, place);
  if (!isMapping(spec)) return [];
  return [spec.initContainers, spec.containers]
    .flat()
    .flatMap((container) => (isMapping(container) ? commandOf(container) : []))
    .filter((command) => hasInstallCommand(`${command} `) && /\bcilium\b/.test(command));
}

/** Words, or the text that a shell gets: `sh -c TEXT`. */
function commandOf({ command, args }: Readonly<Record<string, unknown>>): string[] {
  const words = [command, args].flat().filter((w) => typeof w === "string");
  const isShell = /^(?:\/(?:usr\/)?bin\/)?(?:ba|da|a)?sh$/.test(words[0] ?? "");
  const option = words.findIndex((w) => /^-\w*c$/.test(w));
  const text = isShell && option > 0 ? words[option + 1] : undefined;
  if (text !== undefined) return [text];
  return words.length === 0 ? [] : [shellQuote(words)];
}
