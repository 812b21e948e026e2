// Disk for arriving files: shared, with an end for each account and for all.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createSpool, type FormSpool } from './spool.ts'

const folder = mkdtempSync(join(tmpdir(), 'darkroom-spool-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function* bytesOf(size: number): AsyncGenerator<Buffer> {
  yield Buffer.alloc(size)
}
const refusal = 'Too many pictures are arriving.'

test('one account cannot take the disk of the others, and everything is given back', async () => {
  const spool = createSpool(folder, { maxBytes: 100, maxBytesOfOne: 40 })
  const take = (form: FormSpool, size: number) => form.take(bytesOf(size))
  const kept = [await take(spool.open('one'), 30)]
  await expect(take(spool.open('one'), 11)).rejects.toThrow(refusal)
  kept.push(await take(spool.open('one'), 10))
  kept.push(await take(spool.open('two'), 40))
  await expect(take(spool.open('three'), 21)).rejects.toThrow(refusal)
  kept.push(await take(spool.open('three'), 20))
  for (const file of kept) await file.close()
  const whole = await take(spool.open('four'), 100)
  await expect(take(spool.open('five'), 1)).rejects.toThrow(refusal)
  await whole.close()
  await whole.close().catch(() => undefined)
  await (await take(spool.open('five'), 100)).close()
})

test('a form of the largest kind comes in when it is the only one of its account, and no other beside it', async () => {
  const spool = createSpool(folder, { maxBytes: 100, maxBytesOfOne: 40 })
  const form = spool.open('one')
  const kept = [await form.take(bytesOf(30)), await form.take(bytesOf(30))]
  await expect(spool.open('one').take(bytesOf(1))).rejects.toThrow(refusal)
  kept.push(await form.take(bytesOf(10)))
  for (const file of kept) await file.close()
})
