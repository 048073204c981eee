/**
 * Answers: what a refused client is told when its protocol has no words of its own. This file is the one page that
 * people see, for refusals and for the gateway's own addresses alike: server-rendered, self-contained, without script.
 */
import type { Answer } from '../../domain/answer.ts'
import { escapeHtml, linkify } from './html.ts'
import { pageMark, pagePolicy, pageStyle } from './page-style.ts'

/** Every text is plain; it is escaped here. */
export interface Page {
  readonly title: string
  readonly paragraphs: readonly string[]
  /** What to do, set off from the rest. */
  readonly advice?: string
  /** Links shown as buttons, the most useful one first. Only http(s) addresses and paths of this host are shown. */
  readonly actions?: readonly { readonly label: string; readonly href: string }[]
  /** The id that the user can give to the administrator. */
  readonly reference?: string
  /** Load the page again after so many seconds. */
  readonly refreshSeconds?: number
  /** 200 unless said otherwise. */
  readonly status?: number
  /** Beside the page's own. */
  readonly headers?: Answer['headers']
}

export function renderPage(page: Page): Answer {
  return {
    status: page.status ?? 200,
    headers: [
      ['Content-Type', 'text/html; charset=utf-8'],
      ['Content-Security-Policy', pagePolicy],
      ['X-Content-Type-Options', 'nosniff'],
      ['X-Frame-Options', 'DENY'],
      ['Referrer-Policy', 'no-referrer'],
      ['Cache-Control', 'no-store'],
      ...(page.headers ?? []),
    ],
    body: renderDocument(page),
  }
}

function renderDocument(page: Page): string {
  const refresh = page.refreshSeconds
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">${refresh === undefined ? '' : `\n<meta http-equiv="refresh" content="${Math.ceil(refresh)}">`}
<title>${escapeHtml(page.title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
${pageMark}
<h1>${escapeHtml(page.title)}</h1>
${page.paragraphs.map((paragraph) => `<p>${linkify(paragraph)}</p>`).join('\n')}
${renderAdvice(page.advice)}${renderActions(page.actions)}${renderReference(page.reference)}</main>
</body>
</html>
`
}

function renderAdvice(advice: string | undefined): string {
  if (advice === undefined) return ''
  return `<section class="advice">\n<h2>What to do</h2>\n<p>${linkify(advice)}</p>\n</section>\n`
}

function renderActions(actions: Page['actions']): string {
  const links = (actions ?? []).filter(({ href }) => isSafeAddress(href))
  if (links.length === 0) return ''
  const items = links.map(({ label, href }) => `<a href="${escapeHtml(href)}">${escapeHtml(label)}</a>`)
  return `<div class="actions">\n${items.join('\n')}\n</div>\n`
}

/** No `javascript:`, and no `//other.host` that looks like a path. Skype for Business has an address of its own. */
function isSafeAddress(href: string): boolean {
  return /^(?:https?:\/\/|ms-sfb:\/\/confjoin\?|\/(?![/\\]))/.test(href)
}

function renderReference(reference: string | undefined): string {
  if (reference === undefined) return ''
  return `<footer>If you ask for help, give this reference: <code>${escapeHtml(reference)}</code></footer>\n`
}
