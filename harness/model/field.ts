/** An object as a file of the field holds it. */
export interface FieldObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
  };
  // biome-ignore lint/suspicious/noExplicitAny: objects of every kind; readers check what they use.
  readonly [field: string]: any;
}

/** One cluster of the field, as its files show it. What they do not show is undefined. */
export interface FieldCluster {
  readonly name: string;
  readonly id: number | undefined;
  /** Where all of it was read. */
  readonly sources: readonly string[];
  readonly kubernetes: string | undefined;
  readonly cilium: string | undefined;
  readonly podCidr: string | undefined;
  readonly serviceCidr: string | undefined;
  readonly kernel: string | undefined;
  readonly controlPlanes: number;
  readonly workers: number;
  /** Helm values, or what the agents' ConfigMap says of them. */
  readonly values: Readonly<Record<string, unknown>>;
  /** The agents' ConfigMap. */
  readonly config: Readonly<Record<string, string>>;
  readonly namespaces: readonly FieldObject[];
  readonly services: readonly FieldObject[];
  readonly pods: readonly FieldObject[];
  readonly policies: readonly FieldObject[];
  /** Policies of no namespace. */
  readonly clusterwide: readonly FieldObject[];
}

/** One line of the comparison: what the field has, what the lab will have, and whether it matters. */
export interface Difference {
  readonly cluster: string;
  readonly field: string;
  readonly inField: string;
  readonly inLab: string;
  /** Empty where the two are alike. */
  readonly difference: string;
  readonly matters: "no" | "perhaps" | "yes";
}
