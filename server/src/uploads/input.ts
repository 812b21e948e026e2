// The words for pictures that a customer sends with an order: where one comes from, and what is kept of it.
// Dialects say what was sent; generations take it in once the order is known to be no repeat.

/** Where a picture comes from, as the customer said it. */
export type InputSource =
  /** Fetched by us, https only. */
  | { kind: 'url'; url: string }
  /** `data:image/png;base64,…` */
  | { kind: 'dataUrl'; text: string }
  | { kind: 'bytes'; bytes: Buffer }
  /** A file of a multipart form, read when its turn comes. */
  | { kind: 'file'; sizeBytes: number; read(): Promise<Buffer> }
  /** A key of createUpload. */
  | { kind: 'upload'; key: string }

export type InputRequest = {
  source: InputSource
  /** The field in the dialect's own words, such as `images[0].url`: every refusal names it. */
  field: string
  /** The most bytes the dialect allows, decoded. Default: `maxInputBytes`; most: `largestInputBytes`. */
  maxBytes?: number
}

export type InputRequests = { references: InputRequest[]; mask: InputRequest | null }

/** A picture the customer sent, checked, encoded anew without metadata, and stored before the order was taken. */
export type StoredInput = { key: string; mediaType: string; sizeBytes: number; width: number; height: number }
export type StoredInputs = { references: StoredInput[]; mask: StoredInput | null }

/** Whose picture it is; what is kept is named after the generation and dies with it. */
export type InputOwner = { accountId: string; generationId: string }

export type InputTaker = {
  /**
   * Fetches, checks and stores all pictures of an order, or leaves nothing behind. Throws AppError
   * `invalid_request` naming the field, `overloaded`, or StorageError.
   */
  take(owner: InputOwner, requests: InputRequests): Promise<StoredInputs>
  /** Removes what `take` stored for an order that was not taken. Never throws: a sweep finds what stays. */
  discard(inputs: StoredInputs): Promise<void>
}
