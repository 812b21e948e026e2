// The pages without data: sign-in, what is not there, what went wrong.
import { html } from 'hono/html'
import { SIGN_IN_WINDOW_S } from '../../accounts/sign-in-limit.ts'
import type { AppError } from '../../errors.ts'
import { type Markup, paths, showIcon } from './layout.ts'
import { showSpan } from './words.ts'

/** The same for whoever is not signed in, whatever was asked for; `refusal` is said after a try. */
export function signInPage(refusal: string | null): Markup {
  const said = refusal
    ? html`<p class="refusal" id="refusal" role="alert">${showIcon('warn')}<span>${refusal}</span></p>`
    : ''
  return html`<section class="sheet">
<h1>Sign in</h1>
<p>With an API key that has the scope <code>admin</code>.</p>
${said}
<form method="post" action="${paths.signIn}">
<label for="key">Admin key</label>
<input id="key" name="key" type="password" required autofocus autocomplete="current-password" autocapitalize="off"
spellcheck="false" maxlength="100" ${refusal ? html`aria-invalid="true" aria-describedby="refusal"` : ''}>
<button class="main" type="submit">Sign in</button>
</form>
</section>`
}

export const refusals = {
  insecure: 'Sign-in needs https: set PUBLIC_URL to an https origin, or ALLOW_INSECURE_COOKIES=on.',
  foreign: 'The form came from another site. Send it from here.',
  unknown: 'This key opens nothing here. Check that it is whole, in force, and may administer.',
  too_many: `Too many tries. Wait ${showSpan(SIGN_IN_WINDOW_S * 1_000)} at most and try again.`,
} as const

export function missingPage(): Markup {
  return html`<section class="sheet"><h1>Not found</h1>
<p>There is no such page. <a href="${paths.upstreams}">Upstreams</a> is one.</p></section>`
}

export function errorPage(error: AppError): Markup {
  const details = error.options.details ?? []
  return html`<section class="sheet"><h1>${error.status >= 500 ? 'That did not work' : 'That cannot be shown'}</h1>
<p>${error.message}</p>
${details.length > 0 ? html`<ul>${details.map(each => html`<li><code>${each.path}</code>: ${each.message}</li>`)}</ul>` : ''}
<p><a href="${paths.upstreams}">Upstreams</a></p></section>`
}
