// The storage audit over real files.
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RecordedImage } from './audit.ts'
import { auditImages } from './audit.ts'
import { createDiskStorage } from './disk.ts'
import type { Storage } from './storage.ts'

let root: string
let storage: Storage
const records: RecordedImage[] = []

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'audit-'))
  storage = createDiskStorage({ root })
  for (let index = 0; index < 150; index++) {
    const key = `g/abc/image-${index}`
    const bytes = randomBytes(1_000 + index)
    const stored = await storage.put(key, bytes, {
      mediaType: 'image/png',
      maxBytes: 5_000,
      commitName: false,
    })
    records.push({ imageId: `image ${index}`, key, ...stored })
  }
})
afterAll(async () => {
  await rm(root, { recursive: true, force: true })
})

async function* each(images: RecordedImage[]): AsyncGenerator<RecordedImage> {
  yield* images
}

test('sound images give a clean report', async () => {
  const checkedBytes = records.reduce((sum, record) => sum + record.sizeBytes, 0)
  const clean = { checkedImages: 150, checkedBytes, problemCount: 0, problems: [] }
  expect(await auditImages(storage, each(records))).toEqual(clean)
  expect(await auditImages(storage, each(records), { hashes: true })).toEqual(clean)
})

test('each lost, cut, changed or unreadable image is named', async () => {
  await storage.remove(['g/abc/image-3'])
  await truncate(join(root, 'g/abc/image-50'), 7)
  const changed = randomBytes(1_100)
  await writeFile(join(root, 'g/abc/image-100'), changed)
  const foreign = { imageId: 'foreign', key: '../outside', sizeBytes: 1, sha256: 'f'.repeat(64) }
  const report = await auditImages(storage, each([...records, foreign]), { hashes: true })
  expect(report.problemCount).toBe(4)
  expect(report.checkedImages).toBe(151)
  expect(Object.fromEntries(report.problems.map(found => [found.imageId, found.problem]))).toEqual({
    'image 3': 'missing',
    'image 50': 'wrong-size',
    'image 100': 'wrong-hash',
    foreign: 'unreadable',
  })
  const quick = await auditImages(storage, each(records))
  expect(quick.problems.map(found => found.problem).sort()).toEqual(['missing', 'wrong-size'])
})

test('the list of problems is bounded, the count is not', async () => {
  const sha256 = createHash('sha256').digest('hex')
  const lost = records.map((record, index) => ({ ...record, key: `g/abc/lost-${index}`, sha256 }))
  const report = await auditImages(storage, each(lost))
  expect(report.problemCount).toBe(150)
  expect(report.problems).toHaveLength(100)
})

test('an error of the source ends the audit', async () => {
  async function* failing(): AsyncGenerator<RecordedImage> {
    yield* records.slice(0, 5)
    throw new Error('the database went away')
  }
  await expect(auditImages(storage, failing())).rejects.toThrow('the database went away')
})
