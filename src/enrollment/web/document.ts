import { hash } from 'node:crypto'
import { escapeHtml } from '../../clients/answers/html.ts'
import { pageMark, pageStyle } from '../../clients/answers/page-style.ts'
import type { Answer } from '../../domain/answer.ts'

/** Markup that is safe already: made by `html`, which escapes what is put into it. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = string | Markup | readonly Markup[] | undefined

/** Markup with values put in; texts are escaped, `undefined` is nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(strings.reduce((text, string, index) => `${text}${rendered(parts[index - 1])}${string}`))
}

function rendered(part: Part): string {
  if (part === undefined) return ''
  if (typeof part === 'string') return escapeHtml(part)
  if (part instanceof Markup) return part.text
  return part.map(({ text }) => text).join('\n')
}

/** What a user reads to the support, and the support finds in the log. */
export function referenceTo(refused: { readonly code: string; readonly reference: string }): Markup {
  return html`<footer>Reference: <code>${refused.reference}</code> (${refused.code})</footer>`
}

/** A name as it is, also one that is written from right to left: the text around it keeps its order. */
export function nameOf(name: string): Markup {
  return html`<bdi>${name}</bdi>`
}

export interface EnrollmentDocument {
  readonly title: string
  /** The title with its markup; undefined where it has none. */
  readonly heading?: Markup
  readonly body: Markup
  /** 200 unless said otherwise. */
  readonly status?: number
  readonly headers?: Answer['headers']
  /** A scheme that a form of this page may lead to, after redirects: browsers hold those to `form-action`, too. */
  readonly leadsBack?: string
}

/** The pages of the gateway and these are of one house: the same style sheet, and what forms and lists need beside it. */
const style = `${pageStyle}
h2{margin:28px 0 8px;font-size:16px;line-height:1.35;font-weight:650}
ul{margin:0 0 12px;padding:0 0 0 20px}
li{margin:0 0 6px;overflow-wrap:anywhere}
li::marker{color:var(--accent)}
ol{margin:0 0 12px;padding:0 0 0 22px}
main>.quiet{margin:20px 0 0}
h1{overflow-wrap:anywhere}
button{overflow-wrap:anywhere}
main>h1+.quiet{margin:0 0 16px}
.quiet strong{color:var(--text)}
.after{margin:16px 0 0}
.quiet{color:var(--quiet);font-size:14px}
.alert{margin:0 0 16px;padding:12px 16px;border-radius:12px;border:1px solid var(--warn);background:var(--warn-tint)}
.alert p:last-child{margin:0}
:root{--warn:#b3541e;--warn-tint:#fdf3ec}
@media (prefers-color-scheme:dark){:root{--warn:#e39a6b;--warn-tint:#2d231c}}
label{display:block;margin:16px 0 6px;font-weight:550}
input{width:100%;padding:12px 14px;border:1px solid var(--line);border-radius:10px;background:var(--ground);color:var(--text);font:inherit}
input::placeholder{color:var(--quiet);opacity:1}
input[aria-invalid]{border-color:var(--warn)}
input:focus-visible,button:focus-visible,summary:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
form{margin:0}
form+form,.actions+form{margin-top:20px}
button{display:inline-block;width:100%;margin:20px 0 0;padding:13px 18px;border-radius:10px;border:1px solid var(--accent);background:var(--accent);color:var(--accent-text);font:inherit;font-weight:550;line-height:1.3;cursor:pointer}
button.second{background:none;border-color:var(--line);color:var(--text)}
button:hover{filter:brightness(1.06)}
.or{display:flex;align-items:center;gap:12px;margin:24px 0 0;color:var(--quiet);font-size:14px}
.or:before,.or:after{content:"";flex:1;border-top:1px solid var(--line)}
.code{text-transform:uppercase;letter-spacing:.08em;font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
.qr{display:block;width:100%;max-width:240px;margin:20px auto;padding:12px;border-radius:12px;border:1px solid var(--line);background:#fff}
.qr svg{display:block;width:100%;height:auto}
details{margin:20px 0 0;padding:14px 18px;border:1px solid var(--line);border-radius:12px}
summary{cursor:pointer;font-weight:550}
details[open] summary{margin:0 0 10px}
.who{display:flex;flex-wrap:wrap;gap:8px 16px;align-items:baseline;justify-content:space-between;margin:28px 0 0;padding:16px 0 0;border-top:1px solid var(--line);font-size:14px;color:var(--quiet)}
.who button{width:auto;margin:0;padding:6px 12px;font-size:14px}
.who p{margin:0}`

const policy = `default-src 'none'; style-src 'sha256-${hash('sha256', style, 'base64')}'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'`

export function renderDocument(page: EnrollmentDocument): Answer {
  const { title, heading = html`${title}`, body, status = 200, headers = [], leadsBack } = page
  const text = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="format-detection" content="telephone=no">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
${pageMark}
<h1>${heading.text}</h1>
${body.text}
</main>
</body>
</html>
`
  return {
    status,
    headers: [
      ['Content-Type', 'text/html; charset=utf-8'],
      ['Content-Security-Policy', leadsBack === undefined ? policy : `${policy} ${leadsBack}`],
      ...pageHeaders,
      ...headers,
    ],
    body: text,
  }
}

const pageHeaders: Answer['headers'] = [
  ['X-Frame-Options', 'DENY'],
  // Origin is what tells our own forms from another site's.
  ['Referrer-Policy', 'same-origin'],
]

export function seeOther(location: string, headers: Answer['headers'] = []): Answer {
  return { status: 303, headers: [['Location', location], ...headers], body: '' }
}
