// What can be wrong with an upstream's JSON and the base64 pictures in it.

export class JsonImagesError extends Error {
  override name = 'JsonImagesError'
  /** `truncated`: the source ended cleanly inside the document. A source that throws keeps its own error. */
  constructor(
    readonly code: 'invalid_json' | 'invalid_base64' | 'too_large' | 'truncated',
    message: string,
  ) {
    super(message)
  }
}
