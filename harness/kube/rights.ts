import type { ApiClient } from "./api-client.ts";
import { apiRoot } from "./kinds.ts";

/** A permission on a resource in every namespace. */
export interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
}

const apiVersion = "authorization.k8s.io/v1";

/** Whether the API server lets this context's user do it. */
export async function mayDo(client: ApiClient, right: Right): Promise<boolean> {
  const review = { apiVersion, kind: "SelfSubjectAccessReview", spec: { resourceAttributes: right } };
  const answer = await client.retrying("check permissions", () =>
    client.send({
      method: "POST",
      path: `${apiRoot(apiVersion)}/selfsubjectaccessreviews`,
      body: { mediaType: "application/json", text: JSON.stringify(review) },
    }),
  );
  return (answer as { status?: { allowed?: boolean } }).status?.allowed === true;
}
