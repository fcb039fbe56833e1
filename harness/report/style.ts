/** One style for every page; light or dark by the reader's system preference. */
export const style = `
:root{color-scheme:light dark;--text:#212121;--dim:#616161;--page:#fafafa;--card:#fff;--line:#e0e0e0;--reason:#fff3e0;--code:#eeeeee;--good:#2e7d32;--bad:#c62828;--doubt:#e65100}
@media (prefers-color-scheme:dark){:root{--text:#e6e6e6;--dim:#a8a8a8;--page:#16181c;--card:#1f2228;--line:#383c44;--reason:#3a2e1c;--code:#2c3038;--good:#81c784;--bad:#ef7070;--doubt:#ffb74d}}
body{font:15px/1.45 system-ui,sans-serif;margin:0;color:var(--text);background:var(--page)}section,header{max-width:1060px;margin:0 auto;padding:10px 24px}
header{border-left:12px solid var(--dim);background:var(--card);margin-top:16px}header.passed{border-color:var(--good)}header.failed{border-color:var(--bad)}header.unknown{border-color:var(--doubt)}
h1{margin:.2em 0}h2{margin:1.2em 0 .3em;border-bottom:1px solid var(--line)}table{border-collapse:collapse;width:100%}td,th{padding:4px 8px;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}.wide{overflow-x:auto}
.tests td:first-child{width:90px;font-weight:600}td.pass{color:var(--good)}td.fail,.fail{color:var(--bad)}td.unknown{color:var(--doubt)}td.unsupported,td.skipped,.dim{color:var(--dim)}
.reason{font-family:ui-monospace,monospace;font-size:13px;white-space:pre-wrap;background:var(--reason);padding:2px 6px;margin-top:3px}code{background:var(--code);padding:1px 4px;overflow-wrap:anywhere;white-space:pre-wrap}
figure{margin:16px 0;background:var(--card);padding:8px;border:1px solid var(--line);overflow-x:auto}figcaption{font-size:13px;color:var(--dim)}svg{max-width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:currentColor}
rect.ok{fill:#388e3c}rect.failed{fill:#d32f2f}rect.unknown{fill:#ef6c00}rect.stale{fill:#f9a825}`;
