import { given } from "#harness/lib/given.ts";

/** Why an API server, or a kvstore, refuses requests: what is the same for all of them, and its own words. */
export interface Refusal {
  readonly kind:
    | "webhook-silent"
    | "webhook-denied"
    | "policy-denied"
    | "forbidden"
    | "quota"
    | "conversion"
    | "terminating"
    | "kvstore-full"
    | "crd-missing";
  /** The webhook, policy, quota, kind of object, CRD, namespace or kvstore; of `forbidden` the user. */
  readonly name: string;
  /** Empty if nothing more is said. */
  readonly why: string;
  /** Through which a webhook is called. */
  readonly service?: { readonly namespace: string; readonly name: string };
  /** What the user may not do. */
  readonly right?: Right;
  /** The words from which all this is read. */
  readonly text: string;
}

export interface Right {
  readonly verb: string;
  /** With its subresource: `ciliumendpoints/status`. */
  readonly resource: string;
  /** Empty for the core group. */
  readonly group: string;
}

/** A longer text is not Kubernetes' own, and would take long to match. */
const longest = 8192;
const longestWhy = 200;

interface Reader {
  readonly kind: Refusal["kind"];
  /** In every such text: most lines of a log have none of them. */
  readonly words: string;
  /** Where it begins; in a log its quotes are escaped. */
  readonly begin: RegExp;
  readonly pattern: RegExp;
  readonly read: (found: RegExpExecArray) => Omit<Refusal, "kind" | "text">;
}

/** The API server writes these, and etcd the last; the first that fits counts. */
const readers: readonly Reader[] = [
  {
    // apiserver/pkg/admission/plugin/webhook/errors/statuserror.go and .../validating/dispatcher.go
    kind: "webhook-silent",
    words: "failed calling webhook",
    begin: /failed calling webhook \\{0,7}"/,
    pattern: /^failed calling webhook "([^"]{1,253})"(?:: ?(.{1,600}))?/,
    read: ([, name = "", rest = ""]) => ({ name, ...answerOf(rest) }),
  },
  {
    kind: "webhook-denied",
    words: "denied the request",
    begin: /admission webhook \\{0,7}"/,
    pattern: /^admission webhook "([^"]{1,253})" denied the request(?:: ?(.{1,300}))?/,
    read: ([, name = "", why = ""]) => ({ name, why: why.trim().slice(0, longestWhy) }),
  },
  {
    kind: "policy-denied",
    words: "denied request",
    begin: /ValidatingAdmissionPolicy '/,
    pattern:
      /^ValidatingAdmissionPolicy '([^']{1,253})' with binding '[^']{1,253}' denied request(?:: ?(.{1,300}))?/,
    read: ([, name = "", why = ""]) => ({ name, why: why.trim().slice(0, longestWhy) }),
  },
  {
    // forbiddenMessage, apiserver/pkg/endpoints/handlers/responsewriters/errors.go; then the authorizer's own reason.
    kind: "forbidden",
    words: "cannot ",
    begin: /User \\{0,7}"[^"]{1,260}" cannot /,
    pattern:
      /^User "([^"]{1,253})" cannot ([a-z]{1,32}) resource "([^"\s]{1,253})" in API group "([\w.-]{0,253})"(.{0,300})/,
    read: ([, name = "", verb = "", resource = "", group = "", rest = ""]) => ({
      name,
      why: /: (RBAC: .{1,200})/.exec(rest)?.[1] ?? "",
      right: { verb, resource, group },
    }),
  },
  {
    kind: "quota",
    words: "exceeded quota",
    begin: /exceeded quota: /,
    pattern: /^exceeded quota: ([\w.-]{1,253})(?:, requested: ([^"]{1,200}?), used:)?/,
    read: ([, name = "", wants]) => ({ name, why: wants === undefined ? "" : `it requests ${wants}` }),
  },
  {
    // apiextensions-apiserver/pkg/apiserver/conversion/webhook_converter.go
    kind: "conversion",
    words: "conversion webhook for",
    begin: /conversion webhook for /,
    pattern: /^conversion webhook for ([\w./-]{1,253}, Kind=[\w-]{1,253}) failed(?:: ?(.{1,600}))?/,
    read: ([, name = "", rest = ""]) => ({ name, ...answerOf(rest) }),
  },
  {
    kind: "terminating",
    words: "it is being terminated",
    begin: /unable to create new content in namespace /,
    pattern: /^unable to create new content in namespace ([\w.-]{1,253}) because it is being terminated/,
    read: ([, name = ""]) => ({ name, why: "" }),
  },
  {
    // ErrNoSpace, etcd's api/v3rpc/rpctypes/error.go: the alarm NOSPACE is on (cilium#1172).
    kind: "kvstore-full",
    words: "database space exceeded",
    begin: /etcdserver: mvcc: database space exceeded/,
    pattern: /^etcdserver: mvcc: database space exceeded/,
    read: () => ({ name: "etcd", why: "" }),
  },
  {
    // `loop`, pkg/clustermesh/mcsapi/serviceexportsync.go@1.19.7: it says so once, and exports nothing from then on
    // (cilium#47793); from 1.20.1 on it tries again.
    kind: "crd-missing",
    words: "without the required CRD installed",
    begin: /starting synchronizing service exports without /,
    pattern: /^starting synchronizing service exports without the required CRD installed(.{0,600})/,
    read: ([, rest = ""]) => {
      const version = /does not have version \W{0,4}(v\w{1,20})/.exec(rest)?.[1];
      const why = version === undefined ? "did not exist" : `did not have version ${version}`;
      return { name: "serviceexports.multicluster.x-k8s.io", why };
    },
  },
];

/** Why the API server refused a request, by an error message or a log line; undefined if it says nothing of the kind. */
export function refusalOf(text: string): Refusal | undefined {
  for (const { kind, words, begin, pattern, read } of readers) {
    if (!text.includes(words)) continue;
    const at = text.slice(0, longest).search(begin);
    const found = at < 0 ? null : pattern.exec(fieldFrom(text, at));
    if (found !== null) return { kind, ...read(found), text: found[0].trim() };
  }
  return undefined;
}

/** What a text holds from a place on: in a log line to the end of its field, and without escapes. */
function fieldFrom(text: string, at: number): string {
  const rest = text.slice(at, at + longest);
  const quote = rest.indexOf('"');
  const end = rest[quote - 1] === "\\" ? rest.search(/(?<!\\)"/) : -1;
  return (end < 0 ? rest : rest.slice(0, end)).replaceAll(/\\{1,7}"/g, '"');
}

/** Through which service a webhook was called, and what came of it. */
function answerOf(rest: string): Pick<Refusal, "why" | "service"> {
  const [, name = "", namespace] = /https:\/\/([a-z0-9-]{1,63})\.([a-z0-9-]{1,63})\.svc\b/.exec(rest) ?? [];
  const why = /\bPost "?[^\s"]{1,500}"?: (.{1,400})/.exec(rest)?.[1] ?? rest;
  return {
    why: why.trim().slice(0, longestWhy),
    ...given({ service: namespace === undefined ? undefined : { namespace, name } }),
  };
}

/** Equal for refusals of one reason. */
export const refusalKey = ({ kind, name, right }: Refusal): string => JSON.stringify([kind, name, right]);
