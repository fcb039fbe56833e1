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
    return why === undefined
      ? []
      : [
          {
            ...{ cluster: name, policy, breaks: true },
            problem: `has no effect: agents refuse it whole (${why}), so nothing that it allows or denies counts`,
            remedy: why.includes("enable-node-selector-labels")
              ? "set the Helm value nodeSelectorLabels to true and restart the agents, or select nodes by the entities host and remote-node"
              : "write the policy as this version takes it",
          },
        ];
  });
