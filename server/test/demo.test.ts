// What a newcomer does first: `npm run demo` in an empty folder, and then what it tells him to do. Its picture is
// one, its sums are right, and the command that it prints works.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { ensureInstalled } from './debian-packages.ts'
import { makeFolder } from './embedded-process.ts'

const programs = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist-test')

/** What the demo takes from the wallet that it fills with so many. */
const startingCredits = 100

type Ran = { code: number | null; out: string; error: string }

type Started = { ran: Ran; exited: Promise<Ran>; stop(): void }

function start([command = '', ...values]: string[], folder: string, more: Record<string, string>): Started {
  const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...more }
  const child = spawn(command, values, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ran: Ran = { code: null, out: '', error: '' }
  child.stdout.on('data', chunk => {
    ran.out += chunk
  })
  child.stderr.on('data', chunk => {
    ran.error += chunk
  })
  const exited = new Promise<Ran>(resolve => child.once('close', code => resolve({ ...ran, code })))
  return { ran, exited, stop: () => void child.kill('SIGTERM') }
}

/** A line of the demo's table. */
function readLine(out: string, name: string): string {
  const found = new RegExp(`^ +${name} +(\\S.*)$`, 'm').exec(out)?.[1]
  if (!found) throw new Error(`the demo says nothing of ${name}:\n${out}`)
  return found
}

/** Decoded to its last pixel. */
async function expectPicture(bytes: Buffer): Promise<void> {
  const { info } = await sharp(bytes, { failOn: 'warning' }).raw().toBuffer({ resolveWithObject: true })
  expect(Math.min(info.width, info.height)).toBeGreaterThanOrEqual(256)
}

test('the demo makes a picture in an empty folder, and the command that it prints makes another', {
  timeout: 300_000,
}, async () => {
  const isThere = () => (process.env.PATH ?? '').split(':').some(each => existsSync(join(each, 'curl')))
  ensureInstalled({ packages: ['curl'], what: 'The steps of the demo', isThere })
  const folder = await makeFolder()
  try {
    const { code, out, error } = await start([process.execPath, join(programs, 'demo.js')], folder, {}).exited
    expect(code, `${out}\n${error}`).toBe(0)
    const picture = await readFile(join(folder, readLine(out, 'image')))
    await expectPicture(picture)
    const charged = Number.parseInt(readLine(out, 'charged'), 10)
    expect(charged).toBeGreaterThan(0)
    expect(readLine(out, 'remaining')).toBe(`${startingCredits - charged} credits`)

    // Both commands as they are printed; only the port is one that is surely free.
    const settings = /^ {2}(DARKROOM_DATA=\S+) (DARKROOM_SANDBOX=on) npm start$/m.exec(out)?.slice(1) ?? []
    const env = Object.fromEntries(settings.map(setting => setting.split('=')))
    expect(env).toMatchObject({ DARKROOM_DATA: 'data/demo' })
    const service = start([process.execPath, join(programs, 'main.js')], folder, { ...env, PORT: '0' })
    try {
      const urlOf = () => /ready at (http:\/\/\S+)/.exec(service.ran.out + service.ran.error)?.[1]
      await expect.poll(urlOf, { timeout: 120_000 }).toBeDefined()
      const printed = out.slice(out.indexOf('  curl '))
      expect(printed).toContain('http://127.0.0.1:8787/')
      const command = printed.replace('http://127.0.0.1:8787', urlOf() ?? '')
      const again = await start(['sh', '-c', command], folder, {}).exited
      expect(again.code, again.error).toBe(0)
      const body = JSON.parse(again.out) as {
        image: { b64_json: string }
        credits: { charged: number; remaining: number }
      }
      expect(body.credits).toEqual({ charged, remaining: startingCredits - 2 * charged })
      await expectPicture(Buffer.from(body.image.b64_json, 'base64'))
    } finally {
      service.stop()
      expect((await service.exited).code).toBe(0)
    }
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
})
