import { afterEach, beforeEach, expect } from "vitest";
import { type FakeApiServer, fakeApiServer, type Received } from "./fake-api-server.ts";
import { Kube } from "./kube.ts";

/** The fake API server of the running test, and a client of it. */
export let server: FakeApiServer;
export let kube: Kube;

/** Gives each test of a file a server of its own. */
export function useFakeServer(): void {
  beforeEach(async () => {
    server = await fakeApiServer();
    kube = new Kube("c1", server.kubeconfig);
  });
  afterEach(() => server[Symbol.asyncDispose]());
}

/** The one request that the server received. */
export function only(): Received {
  expect(server.received).toHaveLength(1);
  return server.received[0] as Received;
}
