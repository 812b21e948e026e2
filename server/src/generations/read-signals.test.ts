// Signals of reads: shared by those of a moment, and ended in time.
import { expect, test } from 'vitest'
import { createReadSignals } from './read-signals.ts'

test('reads of one moment share a signal, those of the next have another', async () => {
  const signalFor = createReadSignals(20_000)
  const first = signalFor(20_000)
  expect(signalFor(20_000)).toBe(first)
  await expect.poll(() => signalFor(20_000)).not.toBe(first)
})

test('a read with less time has a signal of its own, which ends it alone', async () => {
  const signalFor = createReadSignals(20_000)
  const [short, long] = [signalFor(30), signalFor(20_000)]
  await expect.poll(() => short.aborted).toBe(true)
  expect(long.aborted).toBe(false)
})

test('a shared signal ends those that hang, however many listen to it, and without a warning', async () => {
  const warnings: Error[] = []
  const onWarning = (warning: Error) => void warnings.push(warning)
  process.on('warning', onWarning)
  const signalFor = createReadSignals(50)
  let ended = 0
  for (let reads = 0; reads < 100; reads += 1) signalFor(50).addEventListener('abort', () => ended++)
  await expect.poll(() => ended).toBe(100)
  process.off('warning', onWarning)
  expect(warnings).toEqual([])
})
