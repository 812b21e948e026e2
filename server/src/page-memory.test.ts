// Blocks of memory at page borders: apart from each other, bounded, and used again.
import { expect, test } from 'vitest'
import { BLOCK_BYTES, beginsAtPage, giveBlockBack, takeBlock } from './page-memory.ts'

test('blocks begin at pages, never overlap, end somewhere, and come back', () => {
  const taken: Buffer[] = []
  for (let block = takeBlock(); block !== null; block = takeBlock()) taken.push(block)
  expect(taken.length).toBeGreaterThan(8)
  for (const [index, block] of taken.entries()) {
    expect(block).toHaveLength(BLOCK_BYTES)
    expect(beginsAtPage(block)).toBe(true)
    expect(beginsAtPage(block.subarray(1))).toBe(false)
    block.fill(index + 1)
  }
  for (const [index, block] of taken.entries()) {
    expect(block.every(byte => byte === index + 1)).toBe(true)
  }
  for (const block of taken) giveBlockBack(block)
  const again = Array.from({ length: taken.length }, takeBlock)
  expect(new Set(again)).toEqual(new Set(taken))
  expect(takeBlock()).toBeNull()
})

test('other memory is never taken for a block', () => {
  const foreign = Buffer.alloc(BLOCK_BYTES)
  giveBlockBack(foreign)
  expect(beginsAtPage(foreign)).toBe(false)
  expect(takeBlock()).not.toBe(foreign)
})
