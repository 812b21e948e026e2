// What libvips may decode in this process: png, jpeg and webp from memory, nothing else. Its other loaders read svg,
// tiff, heif and more, and have been attacked through files that call themselves pictures. Import it before sharp is
// used on bytes from outside; it holds for every thread.
import sharp from 'sharp'

sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: ['VipsForeignLoadPngBuffer', 'VipsForeignLoadJpegBuffer', 'VipsForeignLoadWebpBuffer'],
})

/** Decodes and encodes pictures from outside; only these three formats, whatever the bytes claim to be. */
export { sharp as guardedSharp }
