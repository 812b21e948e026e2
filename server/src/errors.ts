// The closed list of errors that end a request. The core throws AppError with a code; each dialect renders it
// in its own shape. `status` is the default; a dialect may choose another where its contract says so.

export const errorTable = {
  invalid_request: { status: 400, retryable: false, title: 'The request is not valid.' },
  unauthorized: { status: 401, retryable: false, title: 'The API key is missing or not valid.' },
  insufficient_credits: { status: 402, retryable: false, title: 'The account has too few credits.' },
  /** A cap of the API key or of the account's plan, not the wallet: it ends with the period. */
  spend_cap_reached: {
    status: 402,
    retryable: false,
    title: 'The API key has spent what it may in this period.',
  },
  monthly_cap_reached: {
    status: 402,
    retryable: false,
    title: 'The account has spent what its plan allows in this month.',
  },
  plan_required: { status: 403, retryable: false, title: 'The plan of the account does not include this.' },
  forbidden: { status: 403, retryable: false, title: 'The API key does not allow this.' },
  not_found: { status: 404, retryable: false, title: 'There is no such thing here.' },
  method_not_allowed: { status: 405, retryable: false, title: 'The method is not allowed here.' },
  still_running: {
    status: 409,
    retryable: false,
    title: 'The generation is still running. Cancel it, or delete it when it has ended.',
  },
  payload_too_large: { status: 413, retryable: false, title: 'The request body is too large.' },
  unsupported_media_type: { status: 415, retryable: false, title: 'The content type is not supported.' },
  idempotency_key_reused: {
    status: 422,
    retryable: false,
    title: 'The idempotency key was used with another request.',
  },
  content_rejected: { status: 422, retryable: false, title: 'The content was refused by a safety system.' },
  rate_limited: { status: 429, retryable: true, title: 'Too many requests.' },
  too_many_in_flight: { status: 429, retryable: true, title: 'Too many generations are in flight.' },
  generation_failed: { status: 500, retryable: false, title: 'The generation failed; nothing was charged.' },
  internal: { status: 500, retryable: false, title: 'Something went wrong on our side.' },
  overloaded: { status: 503, retryable: true, title: 'The service is at capacity.' },
  unavailable: { status: 503, retryable: true, title: 'The service is not available right now.' },
} as const

export type ErrorCode = keyof typeof errorTable

/** One thing wrong with the input. `path` is dot-joined; `code` is a zod issue code. */
export type ErrorDetail = { path: string; message: string; code: string }

export type AppErrorOptions = {
  details?: ErrorDetail[]
  /** Whole seconds, at least 1. */
  retryAfterSeconds?: number
  /** The generation concerned, when one exists: the caller must not send the request again. */
  generationId?: string
  /** A finer reason, stable and public, such as the failure reason of a generation. */
  reason?: string
  /** The message with its sums of credits shown as a dialect shows money. */
  say?: (show: (credits: number) => string) => string
  /** Methods allowed, for method_not_allowed. */
  allow?: string[]
  cause?: unknown
}

export class AppError extends Error {
  override name = 'AppError'
  readonly code: ErrorCode
  readonly options: AppErrorOptions
  constructor(code: ErrorCode, message?: string, options: AppErrorOptions = {}) {
    super(message ?? errorTable[code].title, { cause: options.cause })
    this.code = code
    this.options = options
  }
  get status(): number {
    return errorTable[this.code].status
  }
}

/** Whether the model is what is wrong: nobody knows it, or it is served no more. */
export function isUnknownModel({ options: { reason } }: AppError): boolean {
  return reason === 'unknown_model' || reason === 'retired_model'
}

/** Whether the API key may not use this model: contracts that know no 403 call it a wrong model, not a wrong key. */
export function isModelNotAllowed({ options: { reason } }: AppError): boolean {
  return reason === 'model_not_allowed'
}

/** A refusal of one field, naming it and what is allowed. */
export function invalidField(path: string, message: string, code = 'invalid_value'): AppError {
  return new AppError('invalid_request', message, { details: [{ path, message, code }] })
}
