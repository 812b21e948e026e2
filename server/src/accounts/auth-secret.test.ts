// Guards how the secret behind session cookies is made and kept. Real files.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadAuthSecret } from './auth-secret.ts'

test('the signing secret is made once, readable by the service alone, also by many at once', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'darkroom-secret-'))
  const load = () => loadAuthSecret({ configured: null, dataDir: join(dataDir, 'data') })
  const loaded = await Promise.all(Array.from({ length: 20 }, load))
  expect(new Set(loaded).size).toBe(1)
  expect(loaded[0]).toMatch(/^[0-9A-Za-z]{43}$/)
  const file = join(dataDir, 'data', 'auth-secret')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect((await readFile(file, 'utf8')).trim()).toBe(loaded[0])
  expect(await loadAuthSecret({ configured: 'c'.repeat(32), dataDir })).toBe('c'.repeat(32))
  await writeFile(file, '')
  await expect(load()).rejects.toThrow('damaged')
  await rm(dataDir, { recursive: true })
})
