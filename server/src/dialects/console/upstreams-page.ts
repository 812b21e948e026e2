// The page "Upstreams": totals, filter, and a table with a row for each route, which narrow screens show as cards. All
// of it works by links and a form; the script only reads the page again and puts in what has changed.
import { html } from 'hono/html'
import type { LossLimits, LossToday } from '../../books/losses.ts'
import { type Markup, paths, showIcon } from './layout.ts'
import { isTroubled } from './route-standing.ts'
import {
  countRows,
  type ShownSet,
  selectRows,
  shownSets,
  sortKeys,
  toQuery,
  type UpstreamRow,
  type Upstreams,
  type UpstreamsView,
  usualView,
} from './upstream-rows.ts'
import { showHead, showRow, sortTitles } from './upstream-table.ts'
import { showClock, showCount, showNumberOf, showSpan, showUsd } from './words.ts'

export type UpstreamsPage = Upstreams & {
  view: UpstreamsView
  lossLimits: LossLimits
  queue: { depth: number; ageSeconds: number }
}

/** What `data-live` is on is read again; what is typed and opened stays. */
export function upstreamsPage(page: UpstreamsPage): Markup {
  const { rows, losses, lossLimits, at, view } = page
  const isEmpty = !rows.some(row => row.isConfigured && row.provider !== builtIn)
  return html`<div class="head">
<h1>Upstreams</h1>
<p class="clock"><span id="clock" data-live>As of ${showClock(at)}</span>
<button type="button" id="pause" hidden aria-pressed="false">Pause</button></p>
</div>
<p class="summary" id="summary" role="status" data-live>${summarize(rows)}</p>
<div id="alerts" data-live>${losses.filter(each => each.isAlarm).map(loss => showLoss(loss, lossLimits))}</div>
${isEmpty ? showFirstSteps() : ''}
${showTotals(page)}
${showFilter(rows, view)}
${showTable(page)}
${showNotes(losses.find(each => each.isAlarm)?.provider ?? 'openai')}`
}

/** Needs no key and so is no sign that anything was set up. */
const builtIn = 'sketch'

function summarize(rows: readonly UpstreamRow[]): string {
  const troubled = rows.filter(row => isTroubled(row.standing))
  const configured = countRows(rows, 'configured')
  if (troubled.length === 0)
    return `Nothing needs attention on ${showNumberOf(configured, 'configured route')}.`
  const need = troubled.length === 1 ? 'needs' : 'need'
  return `${showCount(troubled.length)} of ${showNumberOf(configured, 'configured route')} ${need} attention.`
}

function showLoss({ provider, openUsdMicro, isAtCap }: LossToday, limits: LossLimits): Markup {
  const limit = isAtCap
    ? `its cap is ${showUsd(limits.capUsdMicro)}`
    : `its alarm is at ${showUsd(limits.alarmUsdMicro)}`
  const then = isAtCap
    ? 'Nothing new is sent there until midnight UTC, or until you resume it.'
    : 'It goes on.'
  return html`<p class="alert">${showIcon('cross')}<span><strong>${provider}</strong> has lost
${showUsd(openUsdMicro)} today; ${limit}. ${then}
<a href="#resume">What resuming does</a></span></p>`
}

function showFirstSteps(): Markup {
  return html`<section class="first" aria-labelledby="first">
<h2 id="first">First, give a provider its key</h2>
<p>Until then the built-in illustrator draws every order. Set a variable such as <code>OPENAI_API_KEY</code> and start
the service anew, or keep the key in the database while it runs:</p>
<pre><code>npm run --silent darkroom -- providers set-key openai</code></pre>
<p><a href="${paths.upstreams}?show=unconfigured">Routes that are not configured</a> name the variable each waits
for.</p>
</section>`
}

function showTotals({ rows, losses, queue, lossLimits }: UpstreamsPage): Markup {
  const named = (set: readonly UpstreamRow[]) =>
    new Set(set.map(row => row.provider).filter(name => name !== builtIn))
  const configured = named(rows.filter(row => row.isConfigured))
  const waiting = rows.reduce((sum, row) => sum + row.waiting, 0)
  const oldest = Math.max(queue.ageSeconds * 1_000, ...rows.map(row => row.oldestWaitMs ?? 0))
  const lost = losses.reduce((sum, each) => sum + each.lossUsdMicro, 0)
  const depth = queue.depth + waiting
  const totals: { name: string; value: string; note: string }[] = [
    { name: 'Providers configured', value: String(configured.size), note: `of ${named(rows).size}` },
    {
      name: 'In flight',
      value: showCount(rows.reduce((sum, row) => sum + row.inFlight, 0)),
      note: 'orders',
    },
    {
      name: 'Queue',
      value: showCount(depth),
      note: depth > 0 ? `oldest ${showSpan(oldest)}` : 'nobody waits',
    },
    {
      name: 'Lost today',
      value: showUsd(lost),
      note: lossLimits.capUsdMicro > 0 ? `cap ${showUsd(lossLimits.capUsdMicro)} a provider` : 'no cap',
    },
  ]
  return html`<dl class="totals" id="totals" data-live>${totals.map(
    ({ name, value, note }) =>
      html`<div><dt>${name}</dt><dd><span class="value">${value}</span> <span class="soft">${note}</span></dd></div>`,
  )}</dl>`
}

const setTitles: Record<ShownSet, string> = {
  configured: 'Configured',
  troubled: 'Troubled',
  unconfigured: 'Not configured',
  all: 'All',
}

function showFilter(rows: readonly UpstreamRow[], view: UpstreamsView): Markup {
  const { text, show, sort, order } = view
  return html`<div class="filter">
<nav class="sets" id="sets" aria-label="Which routes" data-live><ul>${shownSets.map(
    set =>
      html`<li><a href="${paths.upstreams}${toQuery({ ...view, show: set })}" ${
        set === show ? html`aria-current="true"` : ''
      }>${setTitles[set]} <span class="count">${countRows(rows, set)}</span></a></li>`,
  )}</ul></nav>
<form role="search" method="get" action="${paths.upstreams}">
${show === usualView.show ? '' : html`<input type="hidden" name="show" value="${show}">`}
<span class="field"><label for="q">Find</label>
<input id="q" name="q" type="search" value="${text}" maxlength="200" autocomplete="off" spellcheck="false"></span>
<span class="field sorting"><label for="sort">Sort by</label>
<select id="sort" name="sort">${sortKeys.map(
    key => html`<option value="${key}" ${key === sort ? html`selected` : ''}>${sortTitles[key]}</option>`,
  )}</select></span>
<span class="field sorting"><label for="order">Order</label>
<select id="order" name="order">${(['ascending', 'descending'] as const).map(
    each => html`<option value="${each}" ${each === order ? html`selected` : ''}>${each}</option>`,
  )}</select></span>
<button type="submit">Apply</button>
</form>
</div>`
}

function showTable({ rows, view, at }: UpstreamsPage): Markup {
  const shown = selectRows(rows, view)
  const caption = html`${showNumberOf(shown.length, 'route')}: ${setTitles[view.show].toLowerCase()}${
    view.text ? html`, with “${view.text}”` : ''
  }`
  return html`<div class="routes" id="routes" data-live>
${
  shown.length === 0
    ? showNothing(view)
    : html`<table role="table">
<caption>${caption}</caption>
${showHead(view)}
<tbody role="rowgroup">${shown.map(row => showRow(row, at))}</tbody>
</table>`
}
</div>`
}

function showNothing(view: UpstreamsView): Markup {
  const isSearched = view.text !== ''
  const said =
    !isSearched && view.show === 'troubled'
      ? 'No route is in trouble.'
      : isSearched
        ? `No route has “${view.text}” among those that are shown.`
        : 'There is no such route.'
  return html`<p class="nothing">${said} <a href="${paths.upstreams}${toQuery({ ...view, text: '', show: 'all' })}">Show all</a></p>`
}

/** `provider` stands in the command: the one at its cap, if any. */
function showNotes(provider: string): Markup {
  return html`<section class="notes" aria-label="Notes">
<h2 id="resume">What resuming does</h2>
<p>What a provider billed and nobody received is booked as the operator’s loss. At
<code>LOSS_ALARM_USD</code> a day you are told here and in the log. At <code>LOSS_CAP_USD</code>, if you set it, nothing
new is sent to it; what is under way goes on, and orders take other routes where there are some.</p>
<pre><code>npm run --silent darkroom -- providers resume ${provider}</code></pre>
<p>accepts what was lost so far: alarm and cap count anew from there, and the next order may go to that provider. Look at its
last errors first, or it loses as much again. At midnight UTC the count begins anew by itself.</p>
<h2>What the columns say</h2>
<dl>
<div><dt>Resting, probing</dt><dd>Every call of late has failed. Nothing is sent there but a probe every few seconds, until
one succeeds.</dd></div>
<div><dt>Failing</dt><dd>The last call failed, within the last hour, and none has succeeded since.</dd></div>
<div><dt>In flight, images per minute</dt><dd>Of how many, where the route has limits; some count within fewer seconds. They hold over all processes.</dd></div>
<div><dt>Success, time, cost</dt><dd>Of the calls of the last hour, of the 5,000 orders that ended latest at most: the
share that succeeded, the time half of them and 95 of 100 took, and what they cost you. What a customer asked wrongly is left
out.</dd></div>
</dl>
</section>`
}
