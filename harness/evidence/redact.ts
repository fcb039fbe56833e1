/** Takes keys, tokens and kubeconfigs' secrets out of text that goes into a report. */
export function redact(text: string): string {
  return text
    .replace(
      /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
      "[private key left out]",
    )
    .replace(/\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\b/g, "[token left out]")
    .replace(
      /("?(?:client-key-data|tls\.key|ca\.key|token|password)"?\s*[:=]\s*"?)[A-Za-z0-9+/=_.-]{16,}/gi,
      "$1[left out]",
    )
    .replace(/LS0tLS1CRUdJTi[A-Za-z0-9+/=]{40,}/g, "[PEM left out]");
}
