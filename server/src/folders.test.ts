// Folders with those above them, and an end where none can be made.
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeFolder } from '../test/embedded-process.ts'
import { loadAuthSecret } from './accounts/auth-secret.ts'
import { makeFolders } from './folders.ts'

let root: string
beforeAll(async () => {
  root = await makeFolder()
})
afterAll(() => rm(root, { recursive: true, force: true }))

test('the topmost folder that was made is told, also to those who make it at once', async () => {
  const deep = join(root, 'a', 'b', 'c')
  const told = await Promise.all([makeFolders(deep), makeFolders(deep), makeFolders(join(root, 'a', 'x'))])
  expect(told).toContain(join(root, 'a'))
  expect(await makeFolders(deep)).toBeNull()
  expect(await makeFolders(join(deep, 'd', 'e'))).toBe(join(deep, 'd'))
})

test('where no folder can be made it ends, and the data folder is called by its setting', async () => {
  await expect(makeFolders('/proc/darkroom/data')).rejects.toThrow('ENOENT')
  const file = join(root, 'file')
  await writeFile(file, '')
  for (const [dataDir, code] of [
    ['/proc/darkroom/data', 'ENOENT'],
    [join(file, 'data'), 'ENOTDIR'],
  ] as const) {
    const refused = `DARKROOM_DATA: no folder can be made at ${dataDir} (${code}); name one that can`
    await expect(loadAuthSecret({ configured: null, dataDir })).rejects.toThrow(refused)
  }
})
