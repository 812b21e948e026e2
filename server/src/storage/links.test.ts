// Which addresses open an output and which do not, letter by letter.
import { describe, expect, test } from 'vitest'
import { createLinks, createSigner, type LinkFormat, parseFileName } from './links.ts'

const secret = 'a secret of more than thirty-two letters'
const links = linksOf([secret])
const output = { generationId: '0192f0c1-2345-7abc-8def-0123456789ab', index: 0, format: 'webp' as const }
const end = new Date('2026-11-21T10:00:00Z')
const before = new Date(end.getTime() - 1)

function linksOf(secrets: string[]) {
  return createLinks({ secrets, origin: () => 'https://files.example.com' })
}

function tokenOf(link: string): string {
  return new URL(link).pathname.split('/')[3] ?? ''
}

/** Every text that differs from this one in one place, by each of a few other letters. */
function* changed(text: string): Generator<string> {
  for (let at = 0; at < text.length; at++) {
    for (const letter of ['A', 'a', '0', '1', 'f', '-', '_', '=', ' ', '%', 'é']) {
      if (text[at] !== letter) yield text.slice(0, at) + letter + text.slice(at + 1)
    }
    yield text.slice(0, at) + text.slice(at + 1)
    yield `${text.slice(0, at)}0${text.slice(at)}`
  }
  yield ''
  yield `${text}\n`
}

describe('a permanent link', () => {
  test('is absolute, says its format, holds no account, and is the same on every node', () => {
    const link = links.publicLink(output)
    expect(link).toMatch(
      /^https:\/\/files\.example\.com\/files\/0192f0c1-2345-7abc-8def-0123456789ab\/[\w-]{32}\/0\.webp$/,
    )
    expect(linksOf([secret]).publicLink(output)).toBe(link)
    expect(links.verifyPublic(output, tokenOf(link))).toBe(true)
  })

  test('is refused with any letter of its token changed', () => {
    const token = tokenOf(links.publicLink(output))
    let tried = 0
    for (const wrong of changed(token)) {
      tried += 1
      if (wrong !== token) expect(links.verifyPublic(output, wrong), wrong).toBe(false)
    }
    expect(tried).toBeGreaterThan(300)
  })

  test('opens no other generation, index or format', () => {
    const token = tokenOf(links.publicLink(output))
    const formats: LinkFormat[] = ['png', 'jpeg', 'thumb']
    const others = [
      { ...output, generationId: '0192f0c1-2345-7abc-8def-0123456789ac' },
      { ...output, index: 1 },
      ...formats.map(format => ({ ...output, format })),
    ]
    for (const other of others) expect(links.verifyPublic(other, token)).toBe(false)
  })

  test('of another secret is foreign', () => {
    const foreign = tokenOf(linksOf(['another secret of thirty-two letters']).publicLink(output))
    expect(links.verifyPublic(output, foreign)).toBe(false)
  })
})

describe('a signed link', () => {
  const { exp, sig } = links.sign(output, end)
  const query = { exp: String(exp), sig }

  test('carries its end and its signature', () => {
    const url = new URL(links.signedLink(output, end))
    expect(url.pathname).toBe(`/files/${output.generationId}/0.webp`)
    expect(Object.fromEntries(url.searchParams)).toEqual(query)
    expect(exp).toBe(end.getTime() / 1000)
    expect(sig).toMatch(/^[0-9a-f]{64}$/)
  })

  test('opens while now is before its end and not at it', () => {
    expect(links.verifySigned(output, query, before)).toBe(true)
    expect(links.verifySigned(output, query, end)).toBe(false)
    expect(links.verifySigned(output, query, new Date(end.getTime() + 1))).toBe(false)
  })

  test('ends in a whole second, never later than asked', () => {
    expect(links.sign(output, new Date(end.getTime() + 999)).exp).toBe(exp)
  })

  test('is refused with any letter of signature or end changed', () => {
    for (const wrong of changed(sig)) {
      if (wrong !== sig)
        expect(links.verifySigned(output, { exp: query.exp, sig: wrong }, before)).toBe(false)
    }
    expect(links.verifySigned(output, { exp: query.exp, sig: sig.toUpperCase() }, before)).toBe(false)
    for (const wrong of changed(query.exp)) {
      if (wrong !== query.exp) expect(links.verifySigned(output, { exp: wrong, sig }, before)).toBe(false)
    }
    for (const wrong of [
      `0${query.exp}`,
      `${query.exp}.0`,
      `+${query.exp}`,
      '1e12',
      '-1',
      'NaN',
      '9'.repeat(13),
    ]) {
      expect(links.verifySigned(output, { exp: wrong, sig }, before), wrong).toBe(false)
    }
  })

  test('opens no other output, and no permanent address', () => {
    const others = [
      { ...output, generationId: '0192f0c1-2345-7abc-8def-0123456789ac' },
      { ...output, index: 10 },
      { ...output, format: 'original' as const },
      { ...output, format: 'thumb' as const },
    ]
    for (const other of others) expect(links.verifySigned(other, query, before)).toBe(false)
    const asToken = Buffer.from(sig, 'hex').subarray(0, 24).toString('base64url')
    expect(links.verifyPublic(output, asToken)).toBe(false)
  })

  test('is not made for an end that no number of seconds can say', () => {
    for (const wrong of [new Date(Number.NaN), new Date(0), new Date(-1)]) {
      expect(() => links.sign(output, wrong)).toThrow(TypeError)
    }
  })
})

describe('the secret', () => {
  const older = 'an older secret of thirty-two letters'
  const rotated = linksOf([secret, older])

  test('can be replaced: links of an earlier one still open, new ones are of the new one', () => {
    const old = linksOf([older])
    expect(rotated.verifyPublic(output, tokenOf(old.publicLink(output)))).toBe(true)
    const { exp, sig } = old.sign(output, end)
    expect(rotated.verifySigned(output, { exp: String(exp), sig }, before)).toBe(true)
    expect(rotated.publicLink(output)).toBe(links.publicLink(output))
    expect(links.verifyPublic(output, tokenOf(old.publicLink(output)))).toBe(false)
  })

  test('signs each purpose under a key of its own, and is no key itself', () => {
    const reading = createSigner([secret], 'reading').sign(['a']).toString('hex')
    expect(createSigner([secret], 'writing').sign(['a']).toString('hex')).not.toBe(reading)
    expect(createSigner([secret], 'reading').sign(['a']).toString('hex')).toBe(reading)
    expect(() => createSigner([], 'reading')).toThrow(TypeError)
    expect(() => createSigner([secret], 'reading').sign(['a\nb'])).toThrow(TypeError)
  })
})

describe('the name of a file in a link', () => {
  test('is read in one spelling only', () => {
    expect(parseFileName('0.png')).toEqual({ index: 0, format: 'png' })
    expect(parseFileName('12.jpg')).toEqual({ index: 12, format: 'jpeg' })
    expect(parseFileName('3.thumb.webp')).toEqual({ index: 3, format: 'thumb' })
    for (const wrong of [
      '00.png',
      '-1.png',
      '0.PNG',
      '0.jpeg',
      '0.png ',
      '0',
      '.png',
      '0.svg',
      '1e1.png',
      '10000.png',
    ]) {
      expect(parseFileName(wrong), wrong).toBeNull()
    }
  })
})
