import { hash } from 'node:crypto'

/** The one style sheet of every page; inline, so that a page needs no second request. */
export const pageStyle = `
:root{color-scheme:light dark;--ground:#f3f4f2;--card:#fff;--text:#1d2421;--quiet:#5b6662;--line:#dfe3e0;--accent:#1f6b52;--accent-text:#fff;--tint:#eef5f1}
@media (prefers-color-scheme:dark){:root{--ground:#121614;--card:#1b211e;--text:#e7ece9;--quiet:#9aa7a1;--line:#2d3632;--accent:#7fcfb0;--accent-text:#0d1b15;--tint:#202a26}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;min-height:100vh;min-height:100dvh;display:flex;align-items:center;justify-content:center;padding:24px 16px;background:var(--ground);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{width:100%;max-width:520px;background:var(--card);border:1px solid var(--line);border-radius:16px;padding:32px 32px 24px}
.mark{display:block;width:40px;height:40px;color:var(--accent);margin:0 0 20px}
h1{margin:0 0 12px;font-size:24px;line-height:1.25;font-weight:650;letter-spacing:-.01em;text-wrap:balance}
p{margin:0 0 12px;overflow-wrap:anywhere}
a{color:var(--accent);text-underline-offset:2px}
.advice{margin:20px 0 0;padding:16px 18px;background:var(--tint);border-radius:12px}
.advice h2{margin:0 0 4px;font-size:14px;font-weight:650;color:var(--accent)}
.advice p:last-child{margin:0}
.actions{display:flex;flex-wrap:wrap;gap:12px;margin:24px 0 0}
.actions a{display:inline-block;padding:11px 18px;border-radius:10px;border:1px solid var(--line);color:var(--text);text-decoration:none;font-weight:550;line-height:1.3}
.actions a:first-child{background:var(--accent);border-color:var(--accent);color:var(--accent-text)}
.actions a:hover{filter:brightness(1.06)}
a:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
footer{margin:28px 0 0;padding:16px 0 0;border-top:1px solid var(--line);font-size:13px;color:var(--quiet)}
footer code{font:13px/1.4 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;color:var(--text);overflow-wrap:anywhere;user-select:all}
@media (max-width:480px){body{align-items:flex-start}main{padding:24px 20px 20px}.actions a{flex:1 1 100%;text-align:center}}
`.trim()

const styleHash = hash('sha256', pageStyle, 'base64')

/** Nothing runs and nothing is loaded; the style sheet is allowed by its hash (CSP Level 3). */
export const pagePolicy = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

/** A gate in an arch. */
export const pageMark =
  '<svg class="mark" viewBox="0 0 40 40" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M6 35V18a14 14 0 0 1 28 0v17"/><path d="M13 35V20M20 35V12M27 35V20M3 35h34"/></svg>'
