// The table of routes: its head, whose links sort, and a row. Cells carry their column's name, which cards show.
import { html, raw } from 'hono/html'
import { type IconName, type Markup, paths, showIcon } from './layout.ts'
import type { StandingName } from './route-standing.ts'
import { type SortKey, toQuery, type UpstreamRow, type UpstreamsView } from './upstream-rows.ts'
import { showAge, showCount, showNumberOf, showShare, showSpan, showUsd } from './words.ts'

export const sortTitles: Record<SortKey, string> = {
  state: 'State',
  model: 'Model',
  route: 'Route',
  flight: 'In flight',
  minute: 'Images/min',
  queue: 'Queue',
  success: 'Success, 1 h',
  time: 'Time p50 / p95',
  cost: 'Cost, 1 h',
  error: 'Last error',
}

const columns: readonly SortKey[] = [
  ...(['model', 'route', 'state', 'flight', 'minute', 'queue', 'success', 'time', 'cost', 'error'] as const),
]

/** Of these the greatest is looked for first. */
const numbers: ReadonlySet<SortKey> = new Set(['flight', 'minute', 'queue', 'time', 'cost', 'error'])

const isNumber = (key: SortKey) => (numbers.has(key) && key !== 'error') || key === 'success'

export function showHead(view: UpstreamsView): Markup {
  return html`<thead role="rowgroup"><tr role="row">${columns.map(key => {
    const isSorted = view.sort === key
    const flipped = view.order === 'ascending' ? 'descending' : 'ascending'
    const order = isSorted ? flipped : numbers.has(key) ? 'descending' : 'ascending'
    const link = `${paths.upstreams}${toQuery({ ...view, sort: key, order })}`
    const mark = isSorted ? showIcon(view.order === 'ascending' ? 'up' : 'down') : ''
    return html`<th role="columnheader" scope="col" class="${isNumber(key) ? 'number' : 'words'}" ${
      isSorted ? html`aria-sort="${view.order}"` : ''
    }><a id="by-${key}" href="${link}">${sortTitles[key]}${mark}</a></th>`
  })}</tr></thead>`
}

export function showRow(row: UpstreamRow, at: Date): Markup {
  const { provider, upstreamModel } = row
  return html`<tr role="row" id="${idOf(row)}">
<th role="rowheader" scope="row" class="model">${showModels(row)}</th>
${showCell('route', html`<span class="provider">${provider}</span> <span class="soft id">${upstreamModel}</span>`)}
${showCell('state', showStanding(row))}
${showCell('flight', showFlight(row))}
${showCell('minute', showMinute(row))}
${showCell('queue', showQueue(row))}
${showCell('success', showSuccess(row))}
${showCell('time', showTime(row))}
${showCell('cost', showCost(row))}
${showCell('error', showError(row, at))}
</tr>`
}

/** Names the row for the script that puts in what has changed. */
function idOf({ provider, upstreamModel }: UpstreamRow): string {
  return `route-${Buffer.from(`${provider}/${upstreamModel}`).toString('base64url')}`
}

/** Null: nothing to say, which a card leaves out. */
function showCell(key: SortKey, content: Markup | string | null): Markup {
  const kind = isNumber(key) ? 'number' : 'words'
  const name = sortTitles[key]
  if (content === null)
    return html`<td role="cell" class="${key} ${kind} none" data-name="${name}"><span class="soft">–</span></td>`
  return html`<td role="cell" class="${key} ${kind}" data-name="${name}">${content}</td>`
}

/** More would make a row that nothing can be compared with. */
const maxModels = 2

function showModels({ models }: UpstreamRow): Markup {
  const rest = models.slice(maxModels)
  return html`${models.slice(0, maxModels).map(id => html`<span class="id">${breakable(id)}</span> `)}${
    rest.length > 0
      ? html`<details><summary>${showNumberOf(rest.length, 'more model')}</summary>${rest.map(
          id => html`<span class="id">${breakable(id)}</span> `,
        )}</details>`
      : ''
  }`
}

/** Long ids break after the maker's name. */
function breakable(id: string): Markup {
  return html`${id.split(/(?<=[/:])/).map((part, at) => html`${at > 0 ? raw('<wbr>') : ''}${part}`)}`
}

const icons: Record<StandingName, IconName> = {
  gone: 'cross',
  stopped: 'cross',
  resting: 'pause',
  probing: 'probe',
  failing: 'warn',
  healthy: 'check',
  unused: 'ring',
  retired: 'ended',
  unconfigured: 'dashed',
}

function showStanding({ standing: { name, word, note } }: UpstreamRow): Markup {
  const why = name === 'stopped' ? html`<a href="#resume">${note}</a>` : note
  return html`<span class="standing ${name}">${showIcon(icons[name])}<span>${word}</span></span>${
    note ? html` <span class="soft note">${why}</span>` : ''
  }`
}

function showFlight({ isConfigured, inFlight, pacing }: UpstreamRow): Markup | string | null {
  const most = pacing?.maxInFlight ?? null
  if (!isConfigured || (inFlight === 0 && most === null)) return null
  return showOf(inFlight, most)
}

function showMinute({ isConfigured, pacing }: UpstreamRow): Markup | string | null {
  if (!isConfigured || !pacing) return null
  const { imagesPerMinute, imagesLastMinute, imagesPerWindow, imagesLastWindow } = pacing
  if (imagesPerMinute !== null) return showOf(imagesLastMinute, imagesPerMinute)
  if (imagesPerWindow === null) return null
  const { images, seconds } = imagesPerWindow
  return html`${showOf(imagesLastWindow ?? 0, images)} <span class="soft note">in ${seconds} s</span>`
}

function showOf(count: number, most: number | null): Markup | string {
  if (most === null) return showCount(count)
  return html`<span class="${count >= most ? 'full' : ''}">${showCount(count)}</span> <span class="soft">of
${showCount(most)}</span>`
}

function showQueue({ waiting, oldestWaitMs }: UpstreamRow): Markup | null {
  if (waiting === 0) return null
  return html`${showCount(waiting)} <span class="soft note">oldest ${showSpan(oldestWaitMs ?? 0)}</span>`
}

function showSuccess({ hour }: UpstreamRow): Markup | null {
  if (!hour) return null
  return html`${showShare(hour.succeeded, hour.calls)} <span class="soft note">of
${showNumberOf(hour.calls, 'call')}</span>`
}

function showTime({ hour }: UpstreamRow): Markup | null {
  if (!hour || hour.p50Ms === null || hour.p95Ms === null) return null
  return html`<span class="span">${showSpan(hour.p50Ms)}</span> <span class="soft span">/ ${showSpan(hour.p95Ms)}</span>`
}

function showCost({ hour }: UpstreamRow): string | null {
  return hour && hour.costUsdMicro > 0 ? showUsd(hour.costUsdMicro) : null
}

/** `unknown_outcome` as `Unknown outcome`. */
function nameKind(kind: string): string {
  const words = kind.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function showError({ gone, lastFailure }: UpstreamRow, now: Date): Markup | null {
  const last = gone ? { kind: 'model_retired', message: gone.said, at: gone.since } : lastFailure
  if (!last) return null
  const { kind, message, at } = last
  const when = html`<time datetime="${at.toISOString()}">${showAge(at, now)}</time>`
  return html`<details><summary><span class="kind">${nameKind(kind)}</span>, ${when}</summary>
<p class="message">${message}</p></details>`
}
