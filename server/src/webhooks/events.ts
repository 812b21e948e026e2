// What a webhook says: the events there are, and the body that announces each. The facts come from whoever owns them.

export const eventTypes = ['generation.succeeded', 'generation.failed'] as const
export type EventType = (typeof eventTypes)[number]

/** Sent to try an endpoint; nobody subscribes to it. */
export const testEventType = 'webhook.test'

/** The public facts of a generation that has ended. */
export type GenerationFacts = {
  generationId: string
  type: string
  status: string
  outputs: { png: string; webp: string; width: number; height: number }[]
  /** Why there is no image; null on success. */
  error: string | null
  createdAt: Date
  completedAt: Date
  /** The moment of the end in microseconds since 1970: what ended later has a larger one. */
  sequence: number
}

/** By the ids of generations; one that is not in the answer is there no more. */
export type FindFacts = (generationIds: readonly string[]) => Promise<ReadonlyMap<string, GenerationFacts>>

export function renderGenerationEvent(event: string, facts: GenerationFacts): string {
  const { createdAt, completedAt, error, sequence, ...data } = facts
  return JSON.stringify({
    event,
    sequence,
    data: {
      ...data,
      ...(error === null ? {} : { error }),
      createdAt: createdAt.toISOString(),
      completedAt: completedAt.toISOString(),
    },
  })
}

export function renderTestEvent(endpointId: string, createdAt: Date): string {
  return JSON.stringify({
    event: testEventType,
    data: { endpointId, createdAt: createdAt.toISOString() },
  })
}
