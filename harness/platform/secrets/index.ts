import { keyedSpans } from "./keyed-values.ts";
import { secretObjectSpans } from "./kubernetes-secrets.ts";
import { encodedSpans, pemSpans } from "./private-keys.ts";
import { applySpans, markerStart, type SecretSpan } from "./span.ts";

/**
 * Secrets as Kubernetes, Cilium and their tools write them; the group `secret` is redacted. secretlint finds the tokens
 * of services (GitHub, AWS, npm...), see scan-secrets.ts.
 */
const patterns: readonly { readonly kind: string; readonly pattern: RegExp }[] = [
  // Includes service account tokens; an encrypted token has five parts.
  { kind: "token (JWT)", pattern: /\b(?<secret>eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]{10,}){2,4})/dg },
  {
    kind: "authorization header",
    pattern:
      /\bauthorization(?:["'\\]|&quot;){0,4}\s*[:=]\s*(?:\[\s*)?(?:["'\\]|&quot;){0,4}(?:Bearer|Basic|Token|Digest|Negotiate)\s+(?<secret>[^\s"'\\,<>&;)\]}]{4,})/dgi,
  },
  {
    kind: "bearer token",
    pattern: /\bbearer\s+(?<secret>(?=[A-Za-z._~+/=-]{0,200}[0-9A-Z])[A-Za-z0-9._~+/=-]{20,})/dgi,
  },
  {
    kind: "cookie",
    pattern:
      /\b(?:set-)?cookie(?:["'\\]|&quot;){0,4}:\s*(?:["'\\]|&quot;){0,4}(?<secret>[\w.-]+=[^\s"'\\,<>&]{8,})/dgi,
  },
  {
    // It may hold `/` and `@`. A port and a path are none, nor is an image by tag and digest (`nginx:1.2@sha256:...`).
    kind: "password in a URL",
    pattern:
      /:\/\/[^\s/?#@:"'`<>\\[]{0,128}:(?!\d{1,5}[/,;?#])(?<secret>(?:(?!:\/\/)[^\s@"'`<>\\]){1,256}(?:@[^\s/@"'`<>\\]{1,64}){0,2})@(?!sha\d{3}:)/dg,
  },
  { kind: "Azure key", pattern: /\b(?:AccountKey|SharedAccessKey)=(?<secret>[A-Za-z0-9+/%]{20,}={0,2})/dg },
  {
    kind: "signature of a URL",
    pattern: /[?&;](?:sig|X-Amz-Signature|X-Goog-Signature)=(?<secret>[A-Za-z0-9%+/_-]{20,}={0,2})/dgi,
  },
  { kind: "Google API key", pattern: /\b(?<secret>AIza[0-9A-Za-z_-]{35})\b/dg },
  { kind: "bootstrap token", pattern: /\btoken\b[\s"'=:,\\]{1,6}(?<secret>[a-z0-9]{6}\.[a-z0-9]{16})\b/dg },
  {
    kind: "registry credentials",
    pattern: /(?:"|\\")auth(?:"|\\")\s*:\s*\\?"(?<secret>[A-Za-z0-9+/]{8,}={0,2})\\?"/dg,
  },
  {
    kind: "WireGuard key",
    pattern: /\b(?:private|preshared)[ _-]?key\W{1,6}(?<secret>[A-Za-z0-9+/]{42,43}=?)(?![A-Za-z0-9+/])/dgi,
  },
  {
    // As in Cilium's secret and in the output of `ip xfrm state`.
    kind: "IPsec key",
    pattern:
      /\b(?:rfc4106\(gcm\(aes\)\)|rfc4543\(gcm\(aes\)\)|(?:hmac|cbc|ecb|ctr|xcbc|cmac)\([\w-]+\))\s+(?<secret>(?:0x)?[0-9a-f]{16,})/dgi,
  },
  // gzip in base64, once or twice.
  {
    kind: "Helm release",
    pattern: /(?<![A-Za-z0-9+/])(?<secret>(?:SDRzSU[A-Za-z0-9+/]|H4sIA)[A-Za-z0-9+/]{200,}={0,2})/dg,
  },
];

/** Every secret in a text that these rules find. Pure; linear in the length of the text. */
export function findSecrets(text: string): SecretSpan[] {
  const found: SecretSpan[] = [...pemSpans(text), ...encodedSpans(text), ...secretObjectSpans(text)];
  for (const { kind, pattern } of patterns)
    for (const m of text.matchAll(pattern)) {
      const at = m.indices?.groups?.secret;
      if (at !== undefined) found.push({ start: at[0], end: at[1], kind });
    }
  return [...found, ...keyedSpans(text)].filter((s) => !text.startsWith(markerStart, s.start));
}

/** The text with `[redacted: KIND]` in place of each secret that these rules find. Idempotent. */
export const redactSecrets = (text: string): string => applySpans(text, findSecrets(text));
