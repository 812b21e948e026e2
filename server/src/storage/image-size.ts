// How large a picture may claim to be. Checked on header bytes alone, long before anything decodes it.
import { ImageRejected } from '../providers/provider.ts'

/** Larger than any upstream's largest output; browsers and decoders begin to fail not far above. */
export const MAX_IMAGE_EDGE_PX = 20_000
/** A decoder needs four bytes for each, so this is half a gigabyte already; the largest 4K output has 18 million. */
export const MAX_IMAGE_PIXELS = 120_000_000

/** Refuses sizes that no upstream makes and that only serve to exhaust a decoder. */
export function assertImageSize(width: number, height: number): void {
  if (width < 1 || height < 1) throw new ImageRejected(`the picture has no pixels (${width}×${height})`)
  if (width > MAX_IMAGE_EDGE_PX || height > MAX_IMAGE_EDGE_PX || width * height > MAX_IMAGE_PIXELS) {
    throw new ImageRejected(`the picture is too large (${width}×${height})`)
  }
}
