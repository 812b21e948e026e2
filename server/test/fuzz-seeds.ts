// Pictures that fuzzing begins with, and what is done to them.
import { createHash } from 'node:crypto'
import sharp from 'sharp'

/** Twelve pictures whose files have little in common. */
export async function makeSeeds(): Promise<Buffer[]> {
  const size = { width: 61, height: 43 }
  const noise = Buffer.alloc(size.width * size.height * 4)
  for (let at = 0; at < noise.length; at += 1) noise[at] = (at * 2_654_435_761) >>> 24
  const picture = () => sharp(noise, { raw: { ...size, channels: 4 } })
  const exif = { IFD0: { Copyright: 'somebody' } }
  return await Promise.all([
    picture().png().toBuffer(),
    picture().png({ palette: true, colours: 16 }).toBuffer(),
    picture().png({ progressive: true, adaptiveFiltering: true }).toBuffer(),
    picture().toColourspace('rgb16').png().toBuffer(),
    picture().greyscale().png().withExif(exif).toBuffer(),
    picture().removeAlpha().jpeg().toBuffer(),
    picture().removeAlpha().jpeg({ progressive: true, quality: 30 }).toBuffer(),
    picture().removeAlpha().jpeg({ chromaSubsampling: '4:4:4' }).withMetadata({ orientation: 6 }).toBuffer(),
    picture().removeAlpha().toColourspace('cmyk').jpeg().toBuffer(),
    picture().webp().toBuffer(),
    picture().webp({ lossless: true }).toBuffer(),
    picture().webp({ quality: 10 }).withExif(exif).withIccProfile('p3').toBuffer(),
  ])
}

/** Up to eight wounds at places that the number decides: bytes changed, zeroed, doubled, cut out, or the end lost. */
export function damage(seed: Buffer, number: number): Buffer {
  const digest = createHash('sha512').update(`wound ${number}`).digest()
  let bytes = Buffer.from(seed)
  const wounds = 1 + ((digest[0] ?? 0) % 8)
  for (let wound = 0; wound < wounds; wound += 1) {
    const dice = digest.readUInt32BE(4 + wound * 6)
    // Half of the wounds hit the first bytes, where the structure is.
    const at = dice % Math.max(1, Math.min(wound % 2 === 0 ? 96 : Number.POSITIVE_INFINITY, bytes.length))
    const kind = (digest[8 + wound * 6] ?? 0) % 6
    const value = digest[9 + wound * 6] ?? 0
    if (kind <= 1) bytes[at] = value
    else if (kind === 2) bytes[at] = (bytes[at] ?? 0) ^ (1 << (value % 8))
    else if (kind === 3)
      bytes.fill(value % 2 === 0 ? 0xff : 0, at, Math.min(bytes.length, at + 1 + (value % 8)))
    else if (kind === 4) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + (value % 16))])
    else bytes = Buffer.concat([bytes.subarray(0, at + 1), bytes.subarray(Math.max(0, at - value))])
  }
  return bytes
}
