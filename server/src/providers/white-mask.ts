// Masks for self-hosted engines. Ours are transparent where the picture is to be drawn anew; theirs are white there
// and black elsewhere, without transparency.
import sharp from 'sharp'
import type { ReferenceImage } from './provider.ts'

/** A png of one channel. The mask has been encoded anew when it came in, so it decodes. */
export async function toWhiteMask(mask: Pick<ReferenceImage, 'read'>): Promise<Buffer> {
  const alpha = sharp(await mask.read())
    .ensureAlpha()
    .extractChannel('alpha')
  return alpha.negate().toColourspace('b-w').png().toBuffer()
}
