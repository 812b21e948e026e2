// Keys of ours in any bytes: every real one, wherever a piece ends, and nothing that only looks like one.
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { type FoundKey, scanForKeys } from './scan.ts'
import { keyPrefixes, keyStyles, newSecret } from './secret.ts'

async function* cut(bytes: Buffer, sizeBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.subarray(at, at + sizeBytes)
}

async function scan(text: string | Buffer, sizeBytes = 64 * 1024): Promise<FoundKey[]> {
  const found: FoundKey[] = []
  for await (const key of scanForKeys(cut(Buffer.from(text), sizeBytes))) found.push(key)
  return found
}

const reals = Array.from({ length: 20 }, (_, nth) =>
  newSecret(keyStyles[nth % keyStyles.length] ?? 'default'),
)

/** One letter another one. */
function mistype(key: string, at: number): string {
  const index = key.length - 1 - (at % 38)
  return key.slice(0, index) + (key[index] === 'a' ? 'b' : 'a') + key.slice(index + 1)
}

/** Ten of each sort for each style: mistyped, cut short, of other vendors, of the right length and no checksum. */
const fakes = Array.from({ length: 40 }, (_, nth) => {
  const style = keyStyles[nth % keyStyles.length] ?? 'default'
  const random = randomBytes(38).toString('hex').slice(0, 38)
  return [
    mistype(newSecret(style), nth),
    newSecret(style).slice(0, -1 - (nth % 6)),
    keyPrefixes[style] + random,
    `sk_live_${random.slice(0, 24)}`,
    newSecret(style).toUpperCase(),
  ]
}).flat()

const forms = [
  (key: string) => `API_KEY=${key}`,
  (key: string) => `{"authorization":"Bearer ${key}"}`,
  (key: string) => `https://example.com/?key=${key}&n=1`,
  (key: string) => `prefix${key}suffix`,
]

test('of 20 real keys and 200 fakes the 20 are found, wherever a piece ends', async () => {
  expect(fakes).toHaveLength(200)
  const planted = [...fakes, ...reals].map((key, nth) => forms[nth % forms.length]?.(key) ?? key)
  const lines = planted.flatMap((line, nth) => [line, 'x'.repeat(nth % 97), 'é ∅ \0'])
  const wanted = reals.map(key => ({ key, line: 1 + lines.findIndex(line => line.includes(key)) }))
  for (const sizeBytes of [1, 7, 46, 47, 48, 1_000, 64 * 1_024]) {
    const found = await scan(lines.join('\n'), sizeBytes)
    expect(
      found.map(({ key, line }) => ({ key, line })),
      `pieces of ${sizeBytes}`,
    ).toEqual(wanted)
  }
})

test('a key is found once, at its place, also with another right behind it', async () => {
  const [one = '', other = ''] = [newSecret('imgeo'), newSecret('default')]
  for (const sizeBytes of [3, 50, 1_000]) {
    expect(await scan(`a\nbc ${one}${other}\n`, sizeBytes)).toEqual([
      { key: one, line: 2, column: 4 },
      { key: other, line: 2, column: 4 + one.length },
    ])
  }
})

test('bytes that are no text hide no key and end no scan', async () => {
  const [key = ''] = reals
  const noise = randomBytes(1_000_000)
  const found = await scan(Buffer.concat([noise, Buffer.from(key), noise]), 65_536)
  expect(found.map(each => each.key)).toEqual([key])
})
