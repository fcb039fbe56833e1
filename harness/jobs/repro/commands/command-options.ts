import { isMapping } from "#harness/lib/value-at.ts";
import { nested, setArgument, setKeys, setValue } from "./set-values.ts";

type Values = Record<string, unknown>;

/** What an option of a command says of the chart's values. */
export type OptionMeaning =
  | { readonly values: Values }
  | { readonly file: string }
  | { readonly version: string }
  | { readonly context: string }
  /** Nothing of a mesh. */
  | "nothing"
  /** It may change values, and is not read. */
  | "unread";

type Reader = (argument: string) => OptionMeaning;

const plain =
  (path: string): Reader =>
  (argument) => ({ values: nested(path.split("."), setValue(argument)) });
const set: Reader = (argument) => ({ values: setArgument(argument) });
const setString: Reader = (argument) => ({ values: setArgument(argument, true) });
const file: Reader = (argument) => ({ file: argument });
const context: Reader = (argument) => ({ context: argument });

/** `a.b=["x"]`, or all values as one JSON object. */
const setJson: Reader = (argument) => {
  const [, path, json = ""] = /^((?:[^={[]|\[\d+\])+)=(.*)$/s.exec(argument) ?? [
    undefined,
    undefined,
    argument,
  ];
  try {
    const value: unknown = JSON.parse(json);
    if (path !== undefined) return { values: nested(setKeys(path), value) };
    return isMapping(value) ? { values: value } : "unread";
  } catch {
    return "unread";
  }
};

/** One pair whose value is a text as it stands. */
const setLiteral: Reader = (argument) => {
  const at = argument.indexOf("=");
  return at < 1 ? "unread" : { values: nested(setKeys(argument.slice(0, at)), argument.slice(at + 1)) };
};

/** Of Helm, and of the Cilium CLI, whose options of before 0.15 are values of the chart. */
const withArgument: Readonly<Record<string, Reader>> = {
  "--set": set,
  "--helm-set": set,
  "--set-string": setString,
  "--helm-set-string": setString,
  "--set-json": setJson,
  "--set-literal": setLiteral,
  "--values": file,
  "-f": file,
  "--helm-values": file,
  "--version": (version) => ({ version }),
  "--context": context,
  "--kube-context": context,
  "--cluster-name": plain("cluster.name"),
  "--cluster-id": plain("cluster.id"),
  "--ipam": plain("ipam.mode"),
  "--encryption": (type) =>
    type === "disabled" ? "nothing" : { values: { encryption: { enabled: true, type } } },
  "--kube-proxy-replacement": plain("kubeProxyReplacement"),
  "--ipv4-native-routing-cidr": plain("ipv4NativeRoutingCIDR"),
  "--native-routing-cidr": plain("ipv4NativeRoutingCIDR"),
  // Of `cilium clustermesh enable`.
  "--service-type": plain("clustermesh.apiserver.service.type"),
};

const switches: Readonly<Record<string, Values>> = {
  "--enable-kvstoremesh": { clustermesh: { apiserver: { kvstoremesh: { enabled: true } } } },
};

/** How a release is installed, or what a lab has of its own: images, keys, namespaces. */
const harmless = new Set(
  [
    "namespace create-namespace install wait wait-for-jobs timeout atomic rollback-on-failure repo devel debug",
    "dry-run history-max cleanup-on-fail force force-conflicts server-side kubeconfig username password ca-file",
    "cert-file key-file insecure-skip-tls-verify description dependency-update disable-openapi-validation no-hooks",
    "skip-crds include-crds skip-tests output output-dir name-template generate-name render-subchart-notes verify",
    "keyring pass-credentials plain-http labels registry-config repository-cache repository-config burst-limit qps",
    "kube-apiserver kube-ca-file kube-token kube-as-user kube-as-group take-ownership show-only validate is-upgrade",
    "api-versions kube-version release-name reset-values hide-notes hide-secret skip-schema-validation",
    "wait-duration chart-directory helm-chart-directory repository list-versions disable-check rollback base-version",
    "restart-unmanaged-pods k8s-version inherit-ca create-ca agent-image operator-image helm-auto-gen-values",
    "helm-release-name image-suffix image-tag nodes-without-cilium apiserver-image apiserver-version",
  ]
    .join(" ")
    .split(" ")
    .map((name) => `--${name}`),
);

/** The meaning of one option. `argument`: what follows it, be it joined or the next word. */
export function optionMeaning(option: string, argument: string): OptionMeaning {
  const reader = withArgument[option];
  if (reader !== undefined) return reader(argument);
  const values = switches[option];
  if (values !== undefined) return argument === "false" ? "nothing" : { values };
  return harmless.has(option) ? "nothing" : "unread";
}
