import semver from "semver";

/** What is built where a module that a component needs is refused by the module proxy or the checksum database. */
export interface Substitution {
  /** Go components whose go.mod is meant. */
  readonly components: readonly string[];
  /** A semver range of the component's versions. */
  readonly versions: string;
  /** The module that is refused; of a fork every version. */
  readonly refused: { readonly module: string; readonly version: string };
  readonly instead: Instead;
  /** Why no verdict depends on the difference. */
  readonly harmless: string;
}

export type Instead =
  /** The module that go.mod requires itself: its `replace` by a fork is dropped. */
  | { readonly kind: "without-fork" }
  /** Another version of the same module, which is served. */
  | { readonly kind: "version"; readonly version: string }
  /** A module of our own: file name to text, and what the component generates (`GoComponent.generated`). */
  | {
      readonly kind: "own-module";
      readonly files: Readonly<Record<string, string>>;
      readonly generated?: string;
    };

const cilium = ["cilium", "cilium-operator"] as const;

/** A module of Kubernetes whose version of this patch release is refused, unlike that of an earlier one. */
const earlierPatch = (module: string, version: string, harmless: string): Substitution => ({
  components: ["kubernetes"],
  versions: "1.34.9",
  refused: { module, version: "v0.34.9" },
  instead: { kind: "version", version },
  harmless,
});

const noProgramHasIt = "an example: no program that the lab runs contains it";

export const substitutions: readonly Substitution[] = [
  earlierPatch("k8s.io/cli-runtime", "v0.34.8", "kubectl's own library, which no suite judges"),
  earlierPatch("k8s.io/sample-apiserver", "v0.34.4", noProgramHasIt),
  earlierPatch("k8s.io/sample-cli-plugin", "v0.34.4", noProgramHasIt),
  earlierPatch("k8s.io/sample-controller", "v0.34.4", noProgramHasIt),
  {
    components: cilium,
    versions: ">=1.18.0 <1.21.0",
    refused: { module: "github.com/cilium/controller-tools", version: "*" },
    instead: { kind: "without-fork" },
    harmless: "a code generator: no program that the lab runs contains it",
  },
  {
    components: cilium,
    versions: ">=1.18.0 <1.20.0",
    refused: { module: "github.com/cilium/gobgp/v3", version: "*" },
    instead: { kind: "without-fork" },
    harmless: "the BGP control plane's server, which no lab switches on",
  },
  {
    components: cilium,
    versions: ">=1.18.0 <1.19.0",
    refused: { module: "github.com/cilium/apimachinery", version: "*" },
    instead: { kind: "without-fork" },
    harmless:
      "the fork adds `omitzero` to the converter of unstructured objects; the fields that use it belong to resources that no suite creates",
  },
  {
    components: cilium,
    versions: ">=1.20.0 <1.21.0",
    refused: { module: "github.com/osrg/gobgp/v4", version: "v4.6.1-0.20260630022313-d6dee8360046" },
    instead: { kind: "version", version: "v4.7.0" },
    harmless:
      "the BGP control plane's server, which no lab switches on; v4.7.0 is the release after this commit",
  },
  {
    components: cilium,
    versions: ">=1.20.0 <1.21.0",
    refused: { module: "sigs.k8s.io/mcs-api/controllers", version: "v0.5.2" },
    instead: {
      kind: "own-module",
      files: {
        "go.mod": "module sigs.k8s.io/mcs-api/controllers\n\ngo 1.23\n",
        // KEP-1645 and the MCS-API guide name this annotation; Cilium takes nothing else from the module.
        "controllers.go":
          'package controllers\n\nconst DerivedServiceAnnotation = "multicluster.kubernetes.io/derived-service"\n',
      },
    },
    harmless: "Cilium takes one constant from it, the name of an annotation, which has the same value here",
  },
  {
    components: ["cilium-cli"],
    versions: "1.18.0-pre.3",
    refused: { module: "github.com/cilium/controller-tools", version: "*" },
    instead: { kind: "without-fork" },
    harmless: "a code generator: the CLI does not contain it",
  },
  {
    components: ["cilium-cli"],
    versions: "1.18.0-pre.3",
    refused: {
      module: "github.com/cilium/charts",
      version: "v0.0.0-20250515220554-50a217da63ae",
    },
    instead: {
      kind: "own-module",
      files: {
        "go.mod": "module github.com/cilium/charts\n\ngo 1.23\n",
        // The CLI reads `cilium-VERSION.tgz` from it and lists its root.
        "charts.go": 'package charts\n\nimport "embed"\n\n//go:embed cilium-*.tgz\nvar HelmFS embed.FS\n',
      },
      generated: "cilium-VERSION.tgz of every supported version, packaged from the chart in its own module",
    },
    harmless:
      "it holds every published chart; `clustermesh enable` and `connect` take the chart of the installed release instead",
  },
];

/** The entries for a component, by the version of its module, such as `v1.20.2`; a candidate counts as its release. */
export const substitutionsFor = (
  component: string,
  version: string,
  table: readonly Substitution[] = substitutions,
): Substitution[] =>
  table.filter(
    (s) =>
      s.components.includes(component) && semver.satisfies(version, s.versions, { includePrerelease: true }),
  );

const builtWith = (instead: Instead): string => {
  if (instead.kind === "version") return instead.version;
  if (instead.kind === "without-fork") return "the module that it forks";
  const files = [
    ...Object.keys(instead.files),
    ...(instead.generated === undefined ? [] : [instead.generated]),
  ];
  return `Meshproof's own module (${files.join(", ")})`;
};

/** One sentence for provenance: what was refused, what was built, why it is harmless. */
export function describeSubstitution({ refused, instead, harmless }: Substitution): string {
  const what = refused.version === "*" ? refused.module : `${refused.module}@${refused.version}`;
  return `${what} is refused; built with ${builtWith(instead)} instead: ${harmless}`;
}
