// `npm run upstreams` as an operator meets it: the built program, steered over its control API, struck by orders
// whose prompts ask for nothing.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

const server = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const program = join(server, 'dist-test', 'upstreams.js')

let child: ChildProcess
let control = ''
const environment: Record<string, string> = {}

beforeAll(async () => {
  child = spawn(process.execPath, [program, '--free-ports', '--latency', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (child.stdout === null) throw new Error('The program has no output')
  for await (const line of createInterface({ input: child.stdout })) {
    const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? []
    if (name !== undefined && value !== undefined) environment[name] = value
    control = /(http:\S+)\/$/.exec(line)?.[1] ?? ''
    if (control !== '') break
  }
  child.stdout.resume()
})

afterAll(async () => {
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
})

beforeEach(async () => {
  expect((await ask('POST', '/reset')).status).toBe(200)
})

type Answer = { status: number; headers: Headers; value: Record<string, unknown> }

async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) }
  const response = await fetch(`${control}${path}`, { method, ...sent })
  const value = (await response.json()) as Record<string, unknown>
  return { status: response.status, headers: response.headers, value }
}

/** One order as the service would send it; answers its status. */
async function order(prompt = 'a small red boat'): Promise<number> {
  const response = await fetch(`${environment.OPENAI_BASE_URL}/images/generations`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${environment.OPENAI_API_KEY}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ model: 'gpt-image-2', prompt, size: '1024x1024' }),
  })
  await response.arrayBuffer()
  return response.status
}

async function orderMany(count: number): Promise<number[]> {
  const statuses: number[] = []
  for (let nth = 0; nth < count; nth += 1) statuses.push(await order())
  return statuses
}

const put = (body: unknown) => ask('PUT', '/upstreams/openai/behaviour', body)

describe('a behaviour that is set', () => {
  it('strikes orders whose prompts ask for nothing, until it is taken back', async () => {
    expect((await put({ behaviour: 'overloaded' })).value).toEqual({
      behaviour: 'overloaded',
      share: 1,
      times: null,
    })
    expect(await orderMany(3)).toEqual([503, 503, 503])
    const cleared = await ask('DELETE', '/upstreams/openai/behaviour')
    expect(cleared.value).toEqual({ behaviour: null })
    expect(await orderMany(2)).toEqual([200, 200])
  })

  it('yields to what a prompt asks for', async () => {
    await put({ behaviour: 'overloaded' })
    expect(await order('a boat [[emulate: quota]]')).toBe(429)
    expect(await order()).toBe(503)
  })

  it('strikes as many calls as asked, then none', async () => {
    await put({ behaviour: 'html_502, when=before', times: 2 })
    expect(await orderMany(4)).toEqual([502, 502, 200, 200])
    expect((await ask('GET', '/upstreams/openai/behaviour')).value).toEqual({ behaviour: null })
  })

  it('strikes its share of the calls, exactly', async () => {
    await put({ behaviour: 'overloaded', share: 0.3 })
    const statuses = await orderMany(20)
    expect(statuses.filter(status => status === 503)).toHaveLength(6)
    expect(statuses.slice(0, 4)).toEqual([200, 200, 200, 503])
  })

  it.each([
    ['behaviour', { behaviour: 'overlaoded' }],
    ['behaviour', { behaviour: '' }],
    ['behaviour', {}],
    ['behaviour', { behaviour: 'slow' }],
    ['behaviour', { behaviour: 'slow=soon' }],
    ['behaviour', { behaviour: 'rate_limit=never' }],
    ['behaviour', { behaviour: 'when=before' }],
    ['behaviour', { behaviour: 'reset_during_request' }],
    ['share', { behaviour: 'overloaded', share: 0 }],
    ['share', { behaviour: 'overloaded', share: 30 }],
    ['times', { behaviour: 'overloaded', times: 0 }],
    ['times', { behaviour: 'overloaded', times: 1.5 }],
    ['count', { behaviour: 'overloaded', count: 3 }],
    ['body', ['overloaded']],
  ])('is refused by the name of the field at fault: %s', async (field, body) => {
    const { status, value } = await put(body)
    expect(status).toBe(400)
    expect(value).toMatchObject({ error: { field } })
    expect(await order()).toBe(200)
  })
})

describe('what an operator sees', () => {
  it('counts requests and billable works, and lists requests without prompt, body or key', async () => {
    await put({ behaviour: 'overloaded', times: 1 })
    await orderMany(3)
    const { value } = await ask('GET', '/upstreams/openai')
    expect(value).toMatchObject({
      name: 'openai',
      counts: { requests: 3, billable: 2, inFlight: 0 },
      standing: { behaviour: null },
    })
    expect(value.requests).toMatchObject([
      { method: 'POST', path: '/v1/images/generations', status: 200, behaviour: '' },
      { status: 200 },
      { status: 503, behaviour: 'overloaded' },
    ])
    expect(JSON.stringify(value.requests)).not.toMatch(/boat|Bearer|sk-emulated/)
    await ask('POST', '/upstreams/openai/reset')
    const { value: fresh } = await ask('GET', '/upstreams/openai')
    expect(fresh).toMatchObject({ counts: { requests: 0, billable: 0 }, requests: [] })
  })

  it('names every emulator with its behaviours, and what the service is told of it', async () => {
    const { value } = await ask('GET', '/upstreams')
    const upstreams = value.upstreams as { name: string; environment: Record<string, string> }[]
    const folder = join(server, 'test', 'upstreams')
    const emulators = readdirSync(folder)
      .filter(name => /^[a-z-]+\.ts$/.test(name))
      .filter(name =>
        /^export (?:async )?function start\w+Upstream\(/m.test(readFileSync(join(folder, name), 'utf8')),
      )
      .map(name => name.replace('.ts', ''))
      .filter(name => name !== 'upstream')
    expect(emulators.length).toBeGreaterThan(10)
    expect(upstreams.map(({ name }) => name).sort()).toEqual(emulators.sort())
    for (const { name, environment: lines } of upstreams) {
      for (const [variable, said] of Object.entries(lines)) expect(environment[variable]).toContain(said)
      const { value: whole } = await ask('GET', `/upstreams/${name}`)
      const { vendor, transport } = whole.behaviours as Record<string, { form: string; meaning: string }[]>
      expect(transport).toContainEqual(
        expect.objectContaining({ form: 'slow=MS', name: 'slow', value: 'MS' }),
      )
      expect(vendor?.length).toBeGreaterThan(0)
    }
  })

  it('is a page that runs nothing but its own script', async () => {
    const page = await fetch(`${control}/`)
    const policy = page.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
    expect(policy).not.toContain('unsafe')
    const html = await page.text()
    expect(html).not.toMatch(/<script(?![^>]*src=)|<style|\son\w+=|\sstyle=/)
    const named = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path ?? '')
    expect(named).toEqual(['/page.css', '/page.js'])
    for (const path of named) expect((await fetch(`${control}${path}`)).status).toBe(200)
  })
})

describe('whoever may not steer', () => {
  it.each([
    ['a name that points here', { host: 'rebound.example' }],
    ['a page from elsewhere', { origin: 'https://elsewhere.example' }],
  ])('is %s', async (_who, headers) => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const asked = request(`${control}/reset`, { method: 'POST', headers }, response => {
        response.resume()
        resolve(response.statusCode)
      })
      asked.on('error', reject)
      asked.end()
    })
    expect(status).toBe(403)
  })

  it('is told what does not exist', async () => {
    expect((await ask('GET', '/upstreams/nobody')).status).toBe(404)
    expect((await ask('GET', '/elsewhere')).status).toBe(404)
    expect((await ask('POST', '/upstreams/openai/behaviour')).status).toBe(405)
  })
})

describe('an option', () => {
  const run = (...line: string[]) => spawnSync(process.execPath, [program, ...line], { encoding: 'utf8' })

  it('that is misspelt is refused before anything starts', () => {
    expect(run('--latncy', '5')).toMatchObject({
      ...{ status: 2, stdout: '' },
      stderr: expect.stringContaining('There is no option --latncy'),
    })
  })

  it('starts one engine alone, behind both of its interfaces', () => {
    const { status, stdout } = run('--environment', '--only', 'sd-server')
    expect([status, stdout.trim().split('\n')]).toEqual([
      0,
      ['SDAPI_BASE_URL=http://127.0.0.1:4823', 'OPENAI_COMPATIBLE_BASE_URL=http://127.0.0.1:4823/v1'],
    ])
  })
})
