// What a customer may ask of a model, in core words. Dialects translate into this; null means "not said".
import type { ImageFormat, ThinkingLevel } from '../providers/provider.ts'

export type GenerationOptions = {
  aspectRatio: string | null
  resolution: string | null
  /** `WxH` in pixels, for dialects that speak pixels. */
  size: string | null
  quality: string | null
  /** A short style instruction; it joins the prompt for the upstream. */
  style: string | null
  thinkingLevel: ThinkingLevel | null
  negativePrompt: string | null
  seed: number | null
  count: number
  outputFormat: ImageFormat | null
  outputCompression: number | null
  background: 'auto' | 'transparent' | 'opaque' | null
  moderation: 'auto' | 'low' | null
  inputFidelity: 'high' | 'low' | null
  partialImages: number
  /** How many reference pictures come with the request, and whether a mask does. */
  referenceCount: number
  hasMask: boolean
}

export const noOptions: GenerationOptions = {
  aspectRatio: null,
  resolution: null,
  size: null,
  quality: null,
  style: null,
  thinkingLevel: null,
  negativePrompt: null,
  seed: null,
  count: 1,
  outputFormat: null,
  outputCompression: null,
  background: null,
  moderation: null,
  inputFidelity: null,
  partialImages: 0,
  referenceCount: 0,
  hasMask: false,
}

export const dialects = ['getimages', 'getimg', 'gptimage2', 'imgeo', 'openai', 'native'] as const
export type Dialect = (typeof dialects)[number]
