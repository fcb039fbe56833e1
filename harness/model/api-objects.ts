import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";
import { replicaPod } from "./snapshot.ts";

// Of an API server: what it says of its objects, and what it refuses.

export const objectConditionSchema = z.object({
  type: z.string(),
  /** `True`, `False` or `Unknown`. */
  status: z.string(),
  reason: z.string(),
  message: z.string(),
});
/** A condition in the status of an object. */
export type ObjectCondition = Infer<typeof objectConditionSchema>;

export const webhookStateSchema = z.object({
  kind: z.enum(["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"]),
  /** The object that it is in. */
  configuration: z.string(),
  name: z.string(),
  /** Whether the API server refuses a request if the webhook does not answer. */
  failsClosed: z.boolean(),
  /** Absent for one that is called by its URL. */
  service: z.object({ namespace: z.string(), name: z.string() }).exactOptional(),
  rules: z.array(
    z.object({
      groups: z.array(z.string()),
      resources: z.array(z.string()),
      operations: z.array(z.string()),
    }),
  ),
});
/** A webhook that the API server asks before it admits a request. */
export type WebhookState = Infer<typeof webhookStateSchema>;

export const refusedRequestSchema = z.object({
  ...replicaPod,
  /** Which logged it. */
  container: z.string(),
  /** Of an agent. */
  node: z.string().exactOptional(),
  /** The words of the API server. */
  text: z.string(),
  times: z.number(),
  /** Unix time of the last one. */
  atMs: z.number().exactOptional(),
});
/** Requests of a container of Cilium that the API server refused for one reason, by its log. */
export type RefusedRequest = Infer<typeof refusedRequestSchema>;
