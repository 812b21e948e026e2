// The vendor's token calculator, and the legal sizes of the shipped upstreams.
import { describe, expect, it } from 'vitest'
import { shippedEntries } from '../../test/shipped-catalog.ts'
import { noOptions } from './options.ts'
import { computeSize, parseRatio, parseSize } from './sizes.ts'
import { countImageTokens, dearestCostUsdMicro } from './upstream.ts'

describe('expected cost', () => {
  it.each([
    [1024, 1024, [196, 1756, 7024]],
    [1536, 1024, [158, 1372, 5488]],
    [2048, 2048, [397, 3568, 14272]],
    [2560, 1440, [205, 1843, 7370]],
    [3840, 2160, [371, 3336, 13342]],
  ])('the tokens of %ix%i are those of the calculator', (width, height, tokens) => {
    expect([16, 48, 96].map(factor => countImageTokens({ width, height }, factor))).toEqual(tokens)
    expect([16, 48, 96].map(factor => countImageTokens({ width: height, height: width }, factor))).toEqual(
      tokens,
    )
  })

  it('is the dearest where nothing says how good the picture will be, by whatever the vendor counts', () => {
    const upstreams = shippedEntries.flatMap(entry => entry.routes)
    const costOf = (model: string) => {
      const upstream = upstreams.find(each => each.model === model)
      return upstream && dearestCostUsdMicro(upstream, { ...noOptions, aspectRatio: '1:1', resolution: '1K' })
    }
    expect(costOf('gpt-image-2')).toBe(7024 * 30)
    expect(costOf('gpt-image-1')).toBe(250_000)
  })
})

describe('size tables', () => {
  it('every listed size is within four hundredths of its ratio', () => {
    const upstreams = new Set(shippedEntries.flatMap(entry => entry.routes))
    for (const { model, shape } of upstreams) {
      for (const row of Object.values(shape.sizes)) {
        for (const [ratio, size] of Object.entries(row)) {
          const want = parseRatio(ratio)
          const is = parseSize(size)
          const off = want && is ? (is.width / is.height) * (want.height / want.width) : Number.NaN
          // The vendors' own tables stray this far: Flux answers 3:4 with 896x1152.
          expect(Math.abs(off - 1), `${model} ${ratio} ${size}`).toBeLessThan(0.04)
        }
      }
    }
  })

  it('a computed size never exceeds the area of its resolution', () => {
    for (const ratio of ['1:1', '2:1', '3:1', '1:8', '7:5']) {
      for (const [label, edge] of [
        ['512', 512],
        ['1K', 1024],
        ['4K', 4096],
      ] as const) {
        const size = computeSize(ratio, label)
        expect((size?.width ?? 0) * (size?.height ?? 0)).toBeLessThanOrEqual(edge * edge)
        expect((size?.width ?? 1) % 16 || (size?.height ?? 1) % 16).toBe(0)
      }
    }
    expect(computeSize('1:1', 'big')).toBeNull()
  })
})
