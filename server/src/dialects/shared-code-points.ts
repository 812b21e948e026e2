// How long a text may be, counted as people count: in code points, where zod would count UTF-16 units.
import type { z } from '@hono/zod-openapi'

/** For `.check()`; a refusal has zod's own words. */
export function atMostCodePoints(maximum: number) {
  return (context: z.core.ParsePayload<string>) => {
    if (context.value.length <= maximum || [...context.value].length <= maximum) return
    context.issues.push({ code: 'too_big', origin: 'string', maximum, inclusive: true, input: context.value })
  }
}
