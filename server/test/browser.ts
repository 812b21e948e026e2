// A real browser for tests: Debian's Chromium without a window, installed when it is missing and steered by its own
// protocol. What its pages complain of, such as a style that the policy forbids, is gathered and must stay empty.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'
import { ensureInstalled } from './debian-packages.ts'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
/** The first start of a browser on a busy machine. */
const startPatienceMs = 180_000
const callPatienceMs = 120_000

export type PageOptions = {
  width?: number
  height?: number
  dark?: boolean
  /** False: as a browser in which scripts are switched off. */
  scripts?: boolean
}

export type BrowserPage = {
  /** Resolves when the page has loaded. */
  open(url: string): Promise<void>
  /** The value of an expression in the page; it may be a promise. */
  evaluate<Value>(expression: string): Promise<Value>
  /** Runs what leaves the page and resolves when the next one has loaded. */
  follow(expression: string): Promise<void>
  /** As typed on the keyboard, into what is focused. */
  type(text: string): Promise<void>
  press(key: 'Tab' | 'Enter'): Promise<void>
  /** PNG of the window, or of the whole page. */
  screenshot(whole?: boolean): Promise<Buffer>
  /** Errors of scripts, refusals by the policy, what could not be loaded. */
  complaints: string[]
  close(): Promise<void>
}

export type Browser = { page(options?: PageOptions): Promise<BrowserPage>; close(): Promise<void> }

type Message = {
  id?: number
  method?: string
  sessionId?: string
  params?: Record<string, unknown>
  result?: Record<string, unknown>
  error?: { message: string }
}

type Wire = {
  call(method: string, params?: object, sessionId?: string): Promise<Record<string, unknown>>
  listeners: Set<(message: Message) => void>
  close(): void
}

export async function startBrowser(): Promise<Browser> {
  const find = () => places.find(place => existsSync(place))
  ensureInstalled({
    packages: ['chromium'],
    what: 'Tests of pages',
    isThere: () => spawnSync(find() ?? 'chromium', ['--version']).status === 0,
  })
  const profile = mkdtempSync(join(tmpdir(), 'darkroom-browser-'))
  // Root may not use its sandbox; nothing but our own pages is opened.
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--hide-scrollbars']
  const child = spawn(
    find() ?? 'chromium',
    [...flags, '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env.PATH ?? '', HOME: profile } },
  )
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const wire = await connect(await readAddress(child))
  return {
    page: options => openPage(wire, options),
    async close() {
      // By its own hand: killed, it would leave processes that still write to its folder.
      await wire.call('Browser.close')
      await exited
      wire.close()
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    },
  }
}

function readAddress(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = () => reject(new Error('the browser did not start in time'))
    const timer = setTimeout(fail, startPatienceMs)
    child.once('exit', fail)
    if (!child.stderr) return fail()
    createInterface({ input: child.stderr }).on('line', line => {
      const address = /DevTools listening on (ws:\S+)/.exec(line)?.[1]
      if (!address) return
      clearTimeout(timer)
      resolve(address)
    })
  })
}

async function connect(address: string): Promise<Wire> {
  const socket = new WebSocket(address, { maxPayload: 64 * 1024 * 1024 })
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  const waiting = new Map<number, (message: Message) => void>()
  const listeners: Wire['listeners'] = new Set()
  socket.on('message', data => {
    const message = JSON.parse(String(data)) as Message
    if (message.id !== undefined) waiting.get(message.id)?.(message)
    else for (const listen of [...listeners]) listen(message)
  })
  let serial = 0
  return {
    listeners,
    close: () => socket.terminate(),
    call(method, params = {}, sessionId) {
      serial += 1
      const id = serial
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${method} was not answered`)), callPatienceMs)
        waiting.set(id, ({ error, result }) => {
          waiting.delete(id)
          clearTimeout(timer)
          if (error) reject(new Error(`${method}: ${error.message}`))
          else resolve(result ?? {})
        })
        socket.send(JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) }))
      })
    },
  }
}

type Call = (method: string, params?: object) => Promise<Record<string, unknown>>

async function openPage(wire: Wire, options: PageOptions = {}): Promise<BrowserPage> {
  // Of its own: cookies of one page are not those of another.
  const { browserContextId } = await wire.call('Target.createBrowserContext')
  const { targetId } = await wire.call('Target.createTarget', { url: 'about:blank', browserContextId })
  const { sessionId } = await wire.call('Target.attachToTarget', { targetId, flatten: true })
  const call: Call = (method, params) => wire.call(method, params, String(sessionId))
  const complaints: string[] = []
  const listen = (message: Message) => {
    if (message.sessionId === sessionId) complaints.push(...readComplaint(message))
  }
  wire.listeners.add(listen)
  await setUp(call, options)
  const load = async (begin: () => Promise<unknown>) => {
    const loaded = new Promise<void>(resolve => {
      const until = (message: Message) => {
        if (message.sessionId !== sessionId || message.method !== 'Page.loadEventFired') return
        wire.listeners.delete(until)
        resolve()
      }
      wire.listeners.add(until)
    })
    await begin()
    await loaded
  }
  const run = (expression: string) => evaluate(call, expression)
  return {
    complaints,
    open: url => load(() => call('Page.navigate', { url })),
    evaluate: async <Value>(expression: string) => (await run(expression)) as Value,
    follow: expression => load(() => run(expression)),
    type: async text => void (await call('Input.insertText', { text })),
    async press(key) {
      const text = key === 'Enter' ? '\r' : '\t'
      const event = { key, code: key, text, windowsVirtualKeyCode: key === 'Enter' ? 13 : 9 }
      await call('Input.dispatchKeyEvent', { type: 'keyDown', ...event })
      await call('Input.dispatchKeyEvent', { type: 'keyUp', ...event })
    },
    async screenshot(whole = false) {
      const { data } = await call('Page.captureScreenshot', { format: 'png', captureBeyondViewport: whole })
      return Buffer.from(String(data), 'base64')
    },
    async close() {
      wire.listeners.delete(listen)
      await wire.call('Target.disposeBrowserContext', { browserContextId })
    },
  }
}

async function setUp(call: Call, options: PageOptions): Promise<void> {
  const { width = 1280, height = 800, dark = false, scripts = true } = options
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await call(`${domain}.enable`)
  const metrics = { width, height, deviceScaleFactor: 1, mobile: width < 600 }
  await call('Emulation.setDeviceMetricsOverride', metrics)
  const scheme = { name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }
  await call('Emulation.setEmulatedMedia', { features: [scheme] })
  if (!scripts) await call('Emulation.setScriptExecutionDisabled', { value: true })
}

async function evaluate(call: Call, expression: string): Promise<unknown> {
  const asked = { expression, awaitPromise: true, returnByValue: true, userGesture: true }
  const { result, exceptionDetails } = await call('Runtime.evaluate', asked)
  if (exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`)
  return (result as { value: unknown }).value
}

/** A page that is told "no" complains of the status; that is what it was asked to see. */
const expected = /Failed to load resource: the server responded with a status of 4\d\d/

function readComplaint({ method, params }: Message): string[] {
  if (method === 'Runtime.exceptionThrown') return [JSON.stringify(params)]
  const entry = method === 'Log.entryAdded' ? (params?.entry as { level: string; text: string }) : null
  if (!entry || entry.level === 'info' || entry.level === 'verbose' || expected.test(entry.text)) return []
  return [entry.text]
}
