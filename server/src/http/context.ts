// What travels with one request: its id, its caller, and the dialect that answers it.
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { AuthenticatedKey } from '../accounts/authenticate.ts'
import type { AppError } from '../errors.ts'

export type RequestVariables = {
  requestId: string
  dialect: string
  /** The route's pattern without its mount, for metrics: bounded in number. */
  route: string
  caller: AuthenticatedKey
  /** The order that the request made, repeated or joined: see noteGeneration. */
  generationId: string
  /** Set by setAnswerHeader, for answers written past the framework. */
  answerHeaders: Record<string, string>
}

export type HttpEnv = { Bindings: HttpBindings; Variables: RequestVariables }
export type HttpContext = Context<HttpEnv>

/** By it a request is followed to its generation in the log: whatever becomes of the answer. */
export function noteGeneration(context: HttpContext, generationId: string): void {
  context.set('generationId', generationId)
}

/** How a dialect says no. Sets status, body and headers of its contract. */
export type RenderError = (context: HttpContext, error: AppError) => Response

/**
 * Sets a header of the coming answer, whichever way it is written. Reading the framework's own half-made response
 * instead would make it build a second one.
 */
export function setAnswerHeader(context: HttpContext, name: string, value: string): void {
  context.header(name, value)
  context.get('answerHeaders')[name] = value
}
