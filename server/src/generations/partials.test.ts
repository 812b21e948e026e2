// Partial pictures reach everybody who watches, and nobody who watches can harm what is watched.
import { describe, expect, it } from 'vitest'
import { createLog } from '../log.ts'
import { createPartialBus, type PartialPicture } from './partials.ts'

const silent = createLog({ level: 'silent', logPrompts: false })
const png = Buffer.from('\x89PNG\r\n\x1a\n0000', 'latin1')
const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0])

describe('the bus of partial pictures', () => {
  it('hands each picture to the watchers of its generation, with the kind its bytes have, until they leave', () => {
    const bus = createPartialBus(silent)
    const seen: [string, PartialPicture][] = []
    const leave = bus.subscribe('a', picture => seen.push(['first', picture]))
    bus.subscribe('a', picture => seen.push(['second', picture]))
    bus.subscribe('b', picture => seen.push(['other', picture]))
    bus.publish('a', { bytes: png, index: 0, part: 0 })
    leave()
    leave()
    bus.publish('a', { bytes: jpeg, index: 1, part: 2 })
    expect(seen).toEqual([
      ['first', { bytes: png, index: 0, part: 0, mediaType: 'image/png' }],
      ['second', { bytes: png, index: 0, part: 0, mediaType: 'image/png' }],
      ['second', { bytes: jpeg, index: 1, part: 2, mediaType: 'image/jpeg' }],
    ])
  })

  it('hands on nothing that is no picture, and nothing to whoever comes later', () => {
    const bus = createPartialBus(silent)
    const seen: PartialPicture[] = []
    bus.publish('a', { bytes: png, index: 0, part: 0 })
    bus.subscribe('a', picture => seen.push(picture))
    bus.publish('a', { bytes: Buffer.from('<svg onload=alert(1)>'), index: 1, part: 0 })
    bus.publish('a', { bytes: Buffer.alloc(0), index: 2, part: 0 })
    expect(seen).toEqual([])
  })

  it('keeps the trouble of one watcher from the publisher and from the other watchers', () => {
    const bus = createPartialBus(silent)
    const seen: PartialPicture[] = []
    bus.subscribe('a', () => {
      throw new Error('the socket is gone')
    })
    bus.subscribe('a', picture => seen.push(picture))
    expect(() => bus.publish('a', { bytes: png, index: 0, part: 0 })).not.toThrow()
    expect(seen).toHaveLength(1)
  })
})
