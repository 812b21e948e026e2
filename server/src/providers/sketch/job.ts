// Owns what travels between the provider and a drawing worker. Everything here must survive structured cloning,
// and a job must hold all that decides the picture: the same job always gives the same bytes.
import type { ImageFormat } from '../provider.ts'

/** One picture to draw. */
export type DrawJob = {
  prompt: string
  negativePrompt: string | null
  seed: number | null
  /** Which of several pictures of one request this is, from 0. */
  index: number
  /** Pixels. */
  width: number
  height: number
  format: ImageFormat
  /** 0 to 100; null = the format's default. */
  compression: number | null
  /** Draw the subject alone on nothing. */
  transparent: boolean
  /** 0 = few details, 1 = usual, 2 = rich. */
  detail: number
  /** Coarser pictures wanted on the way, 0 to 3. */
  partials: number
  references: readonly Uint8Array[]
  mask: Uint8Array | null
}

/** To the worker. `cancelled` is one shared number that becomes 1 when nobody wants the picture any more. */
export type WorkerRequest = { id: number; job: DrawJob; cancelled: SharedArrayBuffer }

/** From the worker. */
export type WorkerAnswer =
  | { id: number; kind: 'partial'; bytes: Uint8Array; index: number }
  | { id: number; kind: 'done'; bytes: Uint8Array }
  | { id: number; kind: 'cancelled' }
  | { id: number; kind: 'unreadable'; message: string }
  | { id: number; kind: 'failed'; message: string }

/** A picture that came as a reference cannot be decoded. */
export class UnreadableReference extends Error {
  override name = 'UnreadableReference'
}

/** Nobody wants the picture any more. */
export class DrawingCancelled extends Error {
  override name = 'DrawingCancelled'
}
