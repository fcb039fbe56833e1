import { MeshproofError } from "#harness/lib/errors.ts";

/**
 * What programs print for people: not every value is in it, and none in a form that can be read back. And templates whose
 * lines are comments to YAML: `id: #@ data.values.id` would be no id at all.
 */
interface Printed {
  readonly is: (text: string) => boolean;
  readonly what: string;
  readonly remedy: string;
}

const described = /^Name: +\S.*\n(?:.*\n)*?(?:Namespace|Labels|Annotations|Roles|API Version): {2,}\S/;
const ofDescribe = (is: RegExp, command: string): Printed => ({
  is: (text) => described.test(text) && is.test(text),
  what: "output of `kubectl describe`",
  remedy: `give what \`${command}\` prints`,
});

const forms: readonly Printed[] = [
  {
    is: (text) => /^#@data\/values/m.test(text),
    what: "data values of ytt, which are not those of a chart",
    remedy: "give what `ytt` prints for each cluster, from the template and its data values",
  },
  {
    is: (text) =>
      /^(?:[ \t]*|[^'#\n]*: |[ \t]*- )#@(?:\s|(?:overlay|schema|library|yaml|template)\/)/m.test(text),
    what: "a template of ytt, which is not filled in here",
    remedy: "give what `ytt` prints for each cluster, from the template and its data values",
  },
  ofDescribe(/^ {2,}Kubelet Version: /m, "kubectl get nodes -o yaml"),
  ofDescribe(/^Name: +cilium-config\n/, "kubectl get configmap cilium-config -n kube-system -o yaml"),
  ofDescribe(/^/, "kubectl get KIND -A -o yaml"),
  {
    is: (text) => /^NAME\s+NAMESPACE\s+REVISION\s+UPDATED\s+STATUS\s+CHART\b/.test(text),
    what: "the table of `helm list`, which holds no values",
    remedy: "give what `helm get values cilium -n kube-system` prints",
  },
  {
    is: (text) => /^(?:NAMESPACE +)?NAME {2,}[A-Z][A-Z0-9()-]*(?: +[A-Z0-9()-]+)*\s*\n/.test(text),
    what: "a table of `kubectl get`, which is not the objects",
    remedy: "give what the same command prints with `-o yaml`",
  },
];

/** Throws `config-invalid` for a text that a program printed for people, and for a template that looks like values. */
export function refusePrinted(text: string, path: string): void {
  // As it is copied from a terminal.
  const own = text.replace(/^(?:\s*\n|[$#>] ?(?:kubectl|helm|oc) .*\n)+/, "");
  const found = forms.find((form) => form.is(own));
  if (found === undefined) return;
  throw new MeshproofError("config-invalid", `${path} is ${found.what}`, { remedy: found.remedy });
}
