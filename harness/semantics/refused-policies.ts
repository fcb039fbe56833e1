import type { UserPolicy } from "#harness/model/what-if.ts";
import type { PolicyProblem } from "./policy-clusters.ts";
import { type PolicyContext, refusedPart, switchedOn } from "./policy-effect.ts";

/** A cluster's policies, and what decides whether its agents take them. */
interface RefusingCluster {
  readonly name: string;
  readonly settings: Readonly<Record<string, string | undefined>>;
  readonly context: PolicyContext;
  readonly policies: readonly UserPolicy[];
}

/**
 * Policies that agents refuse, because of their version or of a setting, so that they have no effect at all: an API server
 * takes them, and an agent logs the error (`Sanitize`, pkg/policy/api/rule_validation.go@1.20.2; for fromNodes and toNodes
 * `ErrFromToNodesRequiresNodeSelectorOption` there).
 */
export const refusedProblems = ({ name, settings, context, policies }: RefusingCluster): PolicyProblem[] =>
  switchedOn(policies, settings).flatMap((policy): PolicyProblem[] => {
    const why = refusedPart(policy, context);
    if (why === undefined) return [];
    const found = {
      ...{ cluster: name, policy, breaks: true },
      problem: `has no effect: agents refuse it whole (${why}), so nothing that it allows or denies counts`,
    };
    const setting = settingsThatHelp.find(({ key }) => why.includes(key));
    return setting === undefined
      ? [{ ...found, remedy: "write the policy as this version takes it" }]
      : [{ ...found, remedy: setting.instead, missingValue: setting.value }];
  });

/** Settings that a policy may need, with their Helm values, and what it can do without them. */
const settingsThatHelp = [
  {
    key: "enable-node-selector-labels",
    value: "nodeSelectorLabels=true",
    instead: "select nodes by the entities host and remote-node",
  },
  {
    key: "enable-l7-proxy",
    value: "l7Proxy=true",
    instead: "allow the ports without rules for HTTP or DNS",
  },
] as const;
