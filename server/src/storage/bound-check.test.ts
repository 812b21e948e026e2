// Guards that storage which answers nothing, or takes nothing, fails its check in time and by the setting's name.
import { expect, test } from 'vitest'
import { boundCheck } from './bound-check.ts'
import { openStorage } from './open.ts'
import type { Storage } from './storage.ts'

test('a folder that takes no folders fails the check at once', async () => {
  for (const folder of ['/proc/darkroom', '/proc/darkroom/images', '/proc/self/images']) {
    const checked = await openStorage(`file:${folder}`).check()
    expect(checked).toMatchObject({ ok: false, message: expect.stringMatching(/^STORAGE_URL: .*\/proc\//) })
  }
})

test('a check that hangs ends in time for all who ask, and is not begun a second time', async () => {
  let begun = 0
  let answer: (checked: { ok: true }) => void = () => undefined
  const hung: Storage = {
    ...openStorage('file:/dev/null/never'),
    check() {
      begun += 1
      return new Promise(resolve => {
        answer = resolve
      })
    },
  }
  const storage = boundCheck(hung, 50)
  const late = { ok: false, message: expect.stringMatching(/^STORAGE_URL: .*0\.05 s/) }
  expect(await Promise.all([storage.check(), storage.check()])).toEqual([late, late])
  expect(await storage.check()).toEqual(late)
  expect(begun).toBe(1)
  const last = storage.check()
  answer({ ok: true })
  await last
  const next = storage.check()
  answer({ ok: true })
  expect(await next).toEqual({ ok: true })
  expect(begun).toBe(2)
})
