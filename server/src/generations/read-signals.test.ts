// Signals of reads: shared by those that end within a moment, and ended in time.
import { expect, test } from 'vitest'
import { createReadSignals } from './read-signals.ts'

test('reads of one moment share a signal, and those of a later one have another', async () => {
  const signalFor = createReadSignals()
  // A moment may end between two calls, but not each time.
  await expect.poll(() => new Set([signalFor(20_000), signalFor(20_000)]).size).toBe(1)
  const first = signalFor(20_000)
  await expect.poll(() => signalFor(20_000)).not.toBe(first)
})

test('a read with less time ends alone, whoever asked before and after it', async () => {
  const signalFor = createReadSignals()
  const [before, short, after] = [signalFor(20_000), signalFor(30), signalFor(20_000)]
  await expect.poll(() => short.aborted).toBe(true)
  expect([before.aborted, after.aborted]).toEqual([false, false])
  // It has ended for whoever comes now, too, who has time of his own.
  expect(signalFor(30).aborted).toBe(false)
})

test.each([30, 300])('a signal of %i ms ends all that listen to it, without a warning', async timeoutMs => {
  const warnings: Error[] = []
  const onWarning = (warning: Error) => void warnings.push(warning)
  process.on('warning', onWarning)
  const signal = createReadSignals()(timeoutMs)
  let ended = 0
  for (let reads = 0; reads < 100; reads += 1) signal.addEventListener('abort', () => ended++)
  await expect.poll(() => ended).toBe(100)
  process.off('warning', onWarning)
  expect(warnings).toEqual([])
})
