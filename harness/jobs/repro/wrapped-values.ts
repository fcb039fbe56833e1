/**
 * How a kind keeps Helm values: a mapping, YAML as one text, `--set` pairs (`a.b: c`, or `{ name, value }`), `--set-string`
 * pairs, pairs with the name of a variable of the environment, or a list of names of files, among which may be mappings.
 */
type Form = "mapping" | "text" | "set" | "texts" | "variables" | "files";

export interface WrappedAt {
  /** Keys joined by dots; `[]` is every item of a list. */
  readonly path: string;
  readonly form: Form;
  /** Of files: names are relative to the root of a repository, or to its folder that this place names. */
  readonly root?: string;
  /** A place in whose stead the program reads nothing here: where that one is set, this one is not used. */
  readonly unless?: string;
}

export interface ValuesKind {
  /** Empty for files without a kind, which are known by `shape`. */
  readonly kind: string;
  /** The API group, without its version. */
  readonly group: string;
  /** In order: later ones take precedence, as in the program that reads the kind. */
  readonly values: readonly WrappedAt[];
  /** Where the version of Cilium's chart is, if the object holds one. */
  readonly version?: readonly string[];
  /** Where the chart's name is: an item with another chart is not Cilium's. */
  readonly chart?: readonly string[];
  /** Where the chart's folder in a repository is. */
  readonly folder?: readonly string[];
  /** Places that name values in other files or objects, which are not read: the plan names them. */
  readonly elsewhere?: readonly string[];
  /** Places that change what the chart makes, which are not applied: the plan names them. */
  readonly changes?: readonly string[];
  /** A list of what the object installs beside charts: an item's `path` is a folder of other objects. */
  readonly beside?: string;
  /** Of a file without a kind: a key that must be there. */
  readonly shape?: string;
  /** What to give in place of an object that is filled in for each of several clusters. */
  readonly ofEach?: string;
}

/**
 * What RKE2's chart sets in place of Cilium's own, as far as a mesh depends on it or the chart refuses values beside it
 * (rancher/rke2-charts, packages/rke2-cilium, values.yaml.patch of 1.18).
 */
export const rke2Defaults: Readonly<Record<string, unknown>> = {
  ipam: { mode: "kubernetes" },
  hubble: { enabled: false },
};

const mapping = (path: string): WrappedAt => ({ path, form: "mapping" });
const text = (path: string): WrappedAt => ({ path, form: "text" });
const set = (path: string): WrappedAt => ({ path, form: "set" });
/** Argo CD takes one of two (`ApplicationSourceHelm.ValuesYAML`, pkg/apis/application/v1alpha1). */
const argoValues = (helm: string): WrappedAt[] => [
  { ...text(`${helm}.values`), unless: `${helm}.valuesObject` },
  mapping(`${helm}.valuesObject`),
];
/** Relative to the file that names them. */
const files = (path: string): WrappedAt => ({ path, form: "files" });
const filesOfRoot = (path: string, root: string): WrappedAt => ({ path, form: "files", root });

/**
 * Kinds of objects and files in which operators keep the values of Cilium's chart, and the places of the values.
 * docs/guides/reproduce.md lists them too.
 */
export const valuesKinds: readonly ValuesKind[] = [
  {
    kind: "HelmChartConfig",
    group: "helm.cattle.io",
    // `values` is in force over `valuesContent` (types.go of k3s-io/helm-controller). The Secrets are read in `gitops`.
    values: [text("spec.valuesContent"), mapping("spec.values"), mapping("spec.valuesInForce")],
    elsewhere: ["spec.valuesSecrets"],
  },
  {
    kind: "HelmChart",
    group: "helm.cattle.io",
    values: [
      ...[text("spec.valuesContent"), mapping("spec.values"), mapping("spec.valuesInForce")],
      set("spec.set"),
    ],
    version: ["spec.version"],
    chart: ["spec.chart"],
    elsewhere: ["spec.valuesSecrets"],
  },
  {
    kind: "HelmRelease",
    group: "helm.toolkit.fluxcd.io",
    // What `gitops/values-from` has not found is noted there.
    values: [filesOfRoot("spec.chart.spec.valuesFiles", ""), mapping("spec.values")],
    // What Flux has installed, where the object is one of a cluster.
    version: ["status.history[].chartVersion", "status.lastAppliedRevision", "spec.chart.spec.version"],
    chart: ["spec.chart.spec.chart"],
    folder: ["spec.chart.spec.chart"],
    changes: ["spec.postRenderers"],
  },
  {
    kind: "HelmRelease",
    group: "helm.fluxcd.io",
    values: [mapping("spec.values")],
    version: ["spec.chart.version"],
    chart: ["spec.chart.name"],
    elsewhere: ["spec.valuesFrom"],
  },
  {
    kind: "Application",
    group: "argoproj.io",
    values: [
      filesOfRoot("spec.source.helm.valueFiles", "spec.source.path"),
      ...argoValues("spec.source.helm"),
      set("spec.source.helm.parameters"),
      filesOfRoot("spec.sources[].helm.valueFiles", "spec.sources[].path"),
      ...argoValues("spec.sources[].helm"),
      set("spec.sources[].helm.parameters"),
    ],
    version: ["spec.source.targetRevision", "spec.sources[].targetRevision"],
    chart: ["spec.source.chart", "spec.sources[].chart"],
    folder: ["spec.source.path", "spec.sources[].path"],
    elsewhere: ["spec.source.helm.fileParameters", "spec.sources[].helm.fileParameters"],
    beside: "spec.sources",
  },
  { kind: "CiliumConfig", group: "cilium.io", values: [mapping("spec")] },
  {
    kind: "HelmChartProxy",
    group: "addons.cluster.x-k8s.io",
    values: [text("spec.valuesTemplate")],
    version: ["spec.version"],
    chart: ["spec.chartName"],
    ofEach: "give what `kubectl get helmreleaseproxies -A -o yaml` prints, which has one for each cluster",
  },
  {
    kind: "HelmReleaseProxy",
    group: "addons.cluster.x-k8s.io",
    values: [text("spec.values")],
    version: ["spec.version"],
    chart: ["spec.chartName"],
  },
  {
    kind: "Cluster",
    group: "provisioning.cattle.io",
    values: [mapping("spec.rkeConfig.chartValues.rke2-cilium")],
  },
  {
    kind: "Bundle",
    group: "fleet.cattle.io",
    values: [mapping("spec.helm.values"), files("spec.helm.valuesFiles")],
    version: ["spec.helm.version"],
    chart: ["spec.helm.chart"],
    elsewhere: ["spec.helm.valuesFrom", "spec.helm.templateValues"],
    changes: ["spec.kustomize", "spec.yaml"],
  },
  {
    kind: "HelmOp",
    group: "fleet.cattle.io",
    values: [mapping("spec.helm.values")],
    version: ["spec.helm.version"],
    chart: ["spec.helm.chart"],
    elsewhere: ["spec.helm.valuesFrom", "spec.helm.templateValues"],
  },
  {
    kind: "ClusterConfig",
    group: "k0s.k0sproject.io",
    values: [text("spec.extensions.helm.charts[].values")],
    version: ["spec.extensions.helm.charts[].version"],
    chart: ["spec.extensions.helm.charts[].chartname"],
  },
  {
    // Of k0sctl, which holds the former.
    kind: "Cluster",
    group: "k0sctl.k0sproject.io",
    values: [text("spec.k0s.config.spec.extensions.helm.charts[].values")],
    version: ["spec.k0s.config.spec.extensions.helm.charts[].version"],
    chart: ["spec.k0s.config.spec.extensions.helm.charts[].chartname"],
  },
  {
    kind: "Chart",
    group: "helm.k0sproject.io",
    values: [text("spec.values")],
    version: ["spec.version"],
    chart: ["spec.chartName"],
  },
  {
    kind: "KubeOneCluster",
    group: "kubeone.k8c.io",
    values: [mapping("helmReleases[].values[].inline")],
    version: ["helmReleases[].version"],
    chart: ["helmReleases[].chart"],
  },
  {
    kind: "ApplicationInstallation",
    group: "apps.kubermatic.k8c.io",
    values: [mapping("spec.values"), text("spec.valuesBlock")],
    version: ["spec.applicationRef.version"],
    chart: ["spec.applicationRef.name"],
  },
  {
    kind: "ClusterProfile",
    group: "config.projectsveltos.io",
    values: [text("spec.helmCharts[].values")],
    version: ["spec.helmCharts[].chartVersion"],
    chart: ["spec.helmCharts[].chartName"],
    elsewhere: ["spec.helmCharts[].valuesFrom"],
    changes: ["spec.patches"],
  },
  {
    // Of the whole cluster, and of a namespace. What `gitops/values-from` has not found is noted there.
    kind: "Release",
    group: "helm.crossplane.io",
    values: [mapping("spec.forProvider.values"), set("spec.forProvider.set")],
    version: ["spec.forProvider.chart.version"],
    chart: ["spec.forProvider.chart.name"],
  },
  {
    kind: "Release",
    group: "helm.m.crossplane.io",
    values: [mapping("spec.forProvider.values"), set("spec.forProvider.set")],
    version: ["spec.forProvider.chart.version"],
    chart: ["spec.forProvider.chart.name"],
  },
  {
    kind: "Kustomization",
    group: "kustomize.config.k8s.io",
    values: [mapping("helmCharts[].valuesInline")],
    version: ["helmCharts[].version"],
    chart: ["helmCharts[].name"],
    elsewhere: ["helmCharts[].valuesFile", "helmCharts[].additionalValuesFiles"],
  },
  { kind: "ConfigMap", group: "", values: [text("data.values\\.yaml"), text("data.values\\.yml")] },
  {
    kind: "Secret",
    group: "",
    values: [text("stringData.values\\.yaml"), text("stringData.values\\.yml")],
  },
  // Files of tools, which have no kind.
  {
    kind: "",
    group: "",
    shape: "helmCharts",
    values: [mapping("helmCharts[].valuesInline")],
    version: ["helmCharts[].version"],
    chart: ["helmCharts[].name"],
    elsewhere: ["helmCharts[].valuesFile"],
  },
  {
    kind: "",
    group: "",
    shape: "releases",
    // `namespaceAndValuesFlags` of pkg/state/state.go, and `ExecuteTemplateExpressions` of release.go (helmfile).
    values: [
      files("releases[].valuesTemplate"),
      files("releases[].values"),
      set("releases[].setTemplate"),
      set("releases[].set"),
      { path: "releases[].setString", form: "texts" },
      { path: "releases[].env", form: "variables" },
    ],
    version: ["releases[].version"],
    chart: ["releases[].chart"],
    folder: ["releases[].chart"],
    elsewhere: [
      "releases[].secrets",
      "releases[].set[].file",
      "releases[].setTemplate[].file",
      "releases[].inherit",
    ],
  },
  {
    kind: "",
    group: "",
    shape: "helm",
    values: [mapping("helm.values"), files("helm.valuesFiles")],
    version: ["helm.version"],
    chart: ["helm.chart"],
    elsewhere: ["helm.valuesFrom", "helm.templateValues"],
    changes: ["kustomize", "yaml"],
  },
  // Values of a chart that has Cilium's as a subchart.
  { kind: "", group: "", shape: "cilium", values: [mapping("cilium")] },
  { kind: "", group: "", shape: "rke2-cilium", values: [mapping("rke2-cilium")] },
];
