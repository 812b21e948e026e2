// What all pages of the console have in common: head, bar, main. Markup is written with the framework's template, which
// escapes whatever is put into it.
import { html, raw } from 'hono/html'
import type { Operator } from '../../accounts/operators.ts'
import type { Assets } from './assets.ts'

export type Markup = ReturnType<typeof html>

export type Page = {
  title: string
  /** Null: nobody is signed in, and the bar offers nothing. */
  operator: Operator | null
  isSandbox: boolean
  body: Markup
}

export const paths = {
  root: '/operator',
  signIn: '/operator/sign-in',
  signOut: '/operator/sign-out',
  upstreams: '/operator/upstreams',
} as const

/** The pages by the words of the bar; a further page is a line here. */
const sections = [{ title: 'Upstreams', path: paths.upstreams }]

export function layOut(assets: Assets, { title, operator, isSandbox, body }: Page): Markup {
  const { style, script, icon } = assets
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>${title} · Darkroom</title>
<link rel="icon" href="${icon.path}" type="image/svg+xml">
<link rel="stylesheet" href="${style.path}" integrity="${style.integrity}">
${operator ? html`<script src="${script.path}" integrity="${script.integrity}" defer></script>` : ''}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="bar">
<p class="brand">${showIcon('aperture')}<span>Darkroom</span></p>
${operator ? showBar(title, operator) : ''}
</header>
${isSandbox && operator ? showSandbox() : ''}
<main id="main" tabindex="-1">
${body}
</main>
</body>
</html>`
}

function showBar(title: string, { keyName }: Operator): Markup {
  return html`<nav aria-label="Pages"><ul>${sections.map(
    section =>
      html`<li><a href="${section.path}" ${section.title === title ? raw('aria-current="page"') : ''}>${section.title}</a></li>`,
  )}</ul></nav>
<form class="leave" method="post" action="${paths.signOut}">
<p>Key “${keyName}”</p>
<button type="submit">Sign out</button>
</form>`
}

function showSandbox(): Markup {
  return html`<p class="banner">${showIcon('info')}<span>Sandbox: the built-in illustrator serves every model until a
provider has a key.</span></p>`
}

/** 16 × 16, drawn with the colour of the text around them; they repeat what words beside them say. */
const icons = {
  aperture:
    '<circle cx="8" cy="8" r="6.5"/><path d="M5.5 2 9 8M12.9 4 6 4.6M14.4 8.6 10.6 3.1M10.5 14 7 8M3.1 12 10 11.4M1.6 7.4l3.8 5.5"/>',
  check: '<circle cx="8" cy="8" r="6.5"/><path d="m5 8.2 2.1 2.1L11 6"/>',
  cross: '<circle cx="8" cy="8" r="6.5"/><path d="m5.7 5.7 4.6 4.6m0-4.6-4.6 4.6"/>',
  pause: '<circle cx="8" cy="8" r="6.5"/><path d="M6.3 5.5v5m3.4-5v5"/>',
  probe: '<path d="M13.9 5.3a6.5 6.5 0 1 0 .6 2.7"/><path d="M14.3 2.2v3.3H11"/>',
  warn: '<path d="M8 2.2 14.4 13.5H1.6Z"/><path d="M8 6.5v3.2m0 1.8v.1"/>',
  ring: '<circle cx="8" cy="8" r="6.5"/>',
  dashed: '<circle cx="8" cy="8" r="6.5" stroke-dasharray="2.4 2.4"/>',
  ended: '<circle cx="8" cy="8" r="6.5"/><path d="M5 8h6"/>',
  info: '<circle cx="8" cy="8" r="6.5"/><path d="M8 7.4v3.6M8 5v.1"/>',
  up: '<path d="M8 13V3.5M4 7.2 8 3l4 4.2"/>',
  down: '<path d="M8 3v9.5M4 8.8 8 13l4-4.2"/>',
} as const

export type IconName = keyof typeof icons

export function showIcon(name: IconName): Markup {
  return html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">${raw(icons[name])}</svg>`
}
