// Orders that are refused at the door, before anything is held: the queue is full, pictures cannot be kept, or no upstream
// can make them now.
import { AppError } from '../errors.ts'
import type { Offer } from '../models/catalog.ts'
import type { Storage } from '../storage/storage.ts'
import type { Breaker } from './breaker.ts'
import { type DispatchNeeds, listRoutes } from './dispatch.ts'
import type { QueueSample } from './queue.ts'
import type { Runner } from './runner.ts'

export type ShedNeeds = Pick<DispatchNeeds, 'catalog' | 'providers'> & {
  queue: QueueSample
  runner: Pick<Runner, 'draining'>
  breaker: Pick<Breaker, 'waitMs'>
  storage: Pick<Storage, 'read'> & { isFailing(): boolean }
}

export function refuseWhenFull(needs: ShedNeeds): void {
  // What cannot be kept is not bought.
  if (needs.storage.isFailing()) {
    const retryAfterSeconds = needs.queue.retryAfterSeconds()
    throw new AppError('unavailable', 'Images cannot be stored right now.', { retryAfterSeconds })
  }
  if (needs.runner.draining() || needs.queue.isFull()) {
    throw new AppError('overloaded', undefined, { retryAfterSeconds: needs.queue.retryAfterSeconds() })
  }
}

/** Of an error that an order met on its way: said by `refuseWhenFull`, before anything was held. */
export const isShed = (error: unknown) => error instanceof AppError && error.code === 'overloaded'

/** How soon the operator may have looked. */
const noRouteWaitS = 60

/** What no upstream can make now, or soon, would only fill the queue, where the orders of other models wait. */
export function refuseWhenBroken(needs: ShedNeeds, offer: Offer, accountId: string): void {
  const routes = listRoutes(needs, { model: offer.modelId, options: offer.options })
  if (needs.queue.isFullOfWaiting() && routes.length > 0 && routes.every(route => route.pacing)) {
    throw new AppError('overloaded', undefined, { retryAfterSeconds: needs.queue.retryAfterSeconds() })
  }
  const waitsMs = routes.map(route => needs.breaker.waitMs(route, accountId))
  if (waitsMs.includes(0)) return
  // No route at all: its provider is there, and has lost as much today as it may.
  const isStopped = ({ provider }: { provider: string }) => needs.providers.get(provider) !== undefined
  if (waitsMs.length === 0 && !needs.catalog.routes(offer.modelId, offer.options).some(isStopped)) return
  const retryAfterSeconds = waitsMs.length === 0 ? noRouteWaitS : Math.ceil(Math.min(...waitsMs) / 1_000)
  throw new AppError('unavailable', 'The model is not available right now.', { retryAfterSeconds })
}
