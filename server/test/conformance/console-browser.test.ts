// The operator's pages in a real browser: by keyboard alone, under the policy they are sent with, refreshed without
// disturbing whoever reads, on a phone, in the dark, and without scripts.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { revokeKey } from '../../src/accounts/keys.ts'
import { type Browser, type BrowserPage, type PageOptions, startBrowser } from '../browser.ts'
import { createRig, eventually, generateImage, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'
import { consolePaths, makeKey } from './console-client.ts'

let rig: Rig
let node: Node
let browser: Browser
let account: { accountId: string; apiKey: string }
let admin: { keyId: string; apiKey: string }

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
  account = await rig.account({ credits: 1_000 })
  admin = await makeKey(rig, account.accountId, ['admin'])
  browser = await startBrowser()
  await fail('the first of them')
  await generateImage(node, account.apiKey, { prompt: 'a boat' })
  const { db } = rig.database
  await eventually(
    'the error is written down',
    async () => (await ask(db, "SELECT 1 FROM route_health WHERE last_failure_message LIKE '%'")).length > 0,
  )
})
afterAll(async () => {
  await browser?.close()
  expect(await rig.violations()).toEqual([])
  await rig.close()
})

function fail(prompt: string) {
  return generateImage(node, account.apiKey, { prompt: `${prompt} [[emulate: html_500]]` })
}

/** Signs in as a person does: types the key and presses Enter. */
async function enter(options: PageOptions = {}, key = admin.apiKey): Promise<BrowserPage> {
  const page = await browser.page(options)
  await page.open(node.url + consolePaths.upstreams)
  expect(await page.evaluate('document.activeElement.id')).toBe('key')
  await page.type(key)
  await page.follow("document.querySelector('.sheet button').click()")
  expect(await page.evaluate('location.pathname + document.title')).toBe(
    `${consolePaths.upstreams}Upstreams · Darkroom`,
  )
  return page
}

const clock = "document.getElementById('clock').textContent"

test('nothing that a page loads or does offends its own policy, and the key is left nowhere', async () => {
  const page = await enter()
  await eventually('the page refreshes itself', async () => {
    const [before, after] = [await page.evaluate(clock), await page.evaluate(clock)]
    return (
      before !== after || (await page.evaluate<number>('performance.getEntriesByType("resource").length')) > 3
    )
  })
  await page.follow("document.getElementById('by-model').click()")
  expect(page.complaints).toEqual([])
  const kept = await page.evaluate<string>(
    'location.href + document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage }) + document.documentElement.outerHTML',
  )
  expect(kept).not.toContain(admin.apiKey)
  expect(await page.evaluate('document.cookie')).toBe('')
  await page.close()
})

test('a refresh changes what has changed and leaves focus, scroll and opened errors alone', async () => {
  const page = await enter()
  const focused = '.error summary'
  await page.evaluate(
    `{ const said = document.querySelector('${focused}'); said.click(); said.focus(); scrollTo(0, 120) }`,
  )
  const marked =
    "document.querySelector('tbody tr').marked = true, document.querySelectorAll('tbody tr').length"
  expect(await page.evaluate<number>(marked)).toBeGreaterThan(3)
  const before = await page.evaluate(clock)
  const calls = "document.querySelector('.success .note').textContent"
  const counted = await page.evaluate(calls)
  await fail('another of them')
  await eventually('the page tells of it', async () => (await page.evaluate(calls)) !== counted)
  expect(await page.evaluate(clock)).not.toBe(before)
  expect(
    await page.evaluate(
      `[scrollY, document.activeElement.localName, document.activeElement.parentNode.open, document.querySelector('tbody tr').marked]`,
    ),
  ).toEqual([120, 'summary', true, true])
  await page.evaluate("document.getElementById('pause').click()")
  expect(await page.evaluate("document.getElementById('pause').getAttribute('aria-pressed')")).toBe('true')
  expect(page.complaints).toEqual([])
  await page.close()
})

test('when its key is revoked, the open page becomes the sign-in form by itself', async () => {
  const key = await makeKey(rig, account.accountId, ['admin'])
  const page = await enter({}, key.apiKey)
  await rig.database.db.transaction(tx => revokeKey(tx, key.keyId, account.accountId))
  await eventually('the form is shown', () =>
    page.evaluate<boolean>("document.querySelector('#key') !== null && !document.querySelector('table')"),
  )
  await page.close()
})

/** Texts whose contrast with what lies behind them is below AA. */
const faint = `(() => {
  const channels = colour => (colour.match(/[\\d.]+/g) ?? []).map(Number)
  const light = ([red, green, blue]) => [red, green, blue]
    .map(each => each / 255)
    .map(each => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
    .reduce((sum, each, at) => sum + each * [0.2126, 0.7152, 0.0722][at], 0)
  const behind = node => {
    for (let each = node; each; each = each.parentElement) {
      const colour = channels(getComputedStyle(each).backgroundColor)
      if (colour.length === 3 || colour[3] === 1) return colour
    }
    return [255, 255, 255]
  }
  return [...document.querySelectorAll('body *')]
    .filter(node => [...node.childNodes].some(child => child.nodeType === 3 && child.nodeValue.trim() !== ''))
    .filter(node => node.checkVisibility())
    .flatMap(node => {
      const [front, back] = [light(channels(getComputedStyle(node).color)), light(behind(node))]
      const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05)
      return ratio < 4.5 ? [node.className + ' ' + node.textContent.trim().slice(0, 40) + ' ' + ratio.toFixed(2)] : []
    })
})()`

test.each([
  [1280, false],
  [1280, true],
  [1152, false],
  [1024, false],
  [390, false],
  [390, true],
])('at %i pixels, dark %s, everything can be read, reached and is inside the window', async (width, dark) => {
  const page = await enter({ width, dark, height: 800 })
  await page.open(`${node.url}${consolePaths.upstreams}?show=all`)
  expect(await page.evaluate('document.querySelectorAll("tbody tr").length')).toBeGreaterThan(30)
  expect(await page.evaluate(faint)).toEqual([])
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
  const outside = `[...document.querySelectorAll('main *')].filter(node => node.checkVisibility())
    .filter(node => !node.closest('.sets, pre, thead') && node.getBoundingClientRect().right > innerWidth + 1)
    .map(node => node.className || node.localName)`
  expect(await page.evaluate(outside)).toEqual([])
  // Tab goes from the skip link on; each stop is seen.
  const stops: string[] = []
  await page.evaluate('document.body.focus()')
  for (let at = 0; at < 8; at += 1) {
    await page.press('Tab')
    stops.push(
      await page.evaluate<string>(
        `document.activeElement.matches(':focus-visible') && getComputedStyle(document.activeElement).outlineStyle !== 'none'
          ? document.activeElement.textContent.trim() || document.activeElement.id : 'unseen'`,
      ),
    )
  }
  expect(stops.slice(0, 4)).toEqual(['Skip to the content', 'Upstreams', 'Sign out', 'Pause'])
  expect(stops).not.toContain('unseen')
  // A card is a row for whoever hears it.
  const roles =
    'table, [role="rowgroup"], tbody [role="row"], [role="rowheader"], [role="cell"], [role="columnheader"]'
  expect(await page.evaluate(`document.querySelectorAll('${roles}').length`)).toBeGreaterThan(300)
  expect(page.complaints).toEqual([])
  await page.close()
})

test('without scripts all of it works: sign-in, filter, sort, sign-out', async () => {
  const page = await enter({ scripts: false })
  expect(await page.evaluate("document.getElementById('pause').checkVisibility()")).toBe(false)
  await page.follow(`document.querySelector('.sets a[href$="show=troubled"]').click()`)
  expect(await page.evaluate('location.search')).toBe('?show=troubled')
  await page.follow("document.getElementById('by-route').click()")
  expect(await page.evaluate("document.querySelector('[aria-sort]').textContent")).toBe('Route')
  await page.evaluate("document.getElementById('q').focus()")
  await page.type('gpt-image')
  await page.follow("document.querySelector('[role=search] button').click()")
  expect(await page.evaluate('location.search')).toBe('?show=troubled&q=gpt-image&sort=route&order=ascending')
  await page.follow("document.querySelector('.leave button').click()")
  expect(await page.evaluate('location.pathname')).toBe(consolePaths.signIn)
  await page.open(node.url + consolePaths.upstreams)
  expect(await page.evaluate("document.querySelector('table')")).toBe(null)
  await page.close()
})
