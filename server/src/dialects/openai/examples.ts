// Examples for the OpenAPI document.

const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGD4DwABBAEAX+XDSwAAAABJRU5ErkJggg=='

const usage = {
  total_tokens: 1069,
  input_tokens: 13,
  output_tokens: 1056,
  input_tokens_details: { text_tokens: 13, image_tokens: 0 },
}

export const generateExamples = {
  base64: {
    summary: 'Base64 in the answer',
    value: {
      model: 'gpt-image-2',
      prompt: 'A red fox in snow, watercolour',
      size: '1024x1024',
      quality: 'low',
    },
  },
  address: {
    summary: 'An address that opens for 60 minutes',
    value: { model: 'google:gemini-2.5-flash-image', prompt: 'A red fox in snow', response_format: 'url' },
  },
  stream: {
    summary: 'Server-sent events',
    value: { model: 'gpt-image-2', prompt: 'A red fox in snow', stream: true, partial_images: 2 },
  },
}

export const editExamples = {
  addresses: {
    summary: 'Pictures by address',
    value: {
      model: 'gpt-image-2',
      prompt: 'The same house at night',
      images: [{ image_url: 'https://pictures.example/house.jpg' }],
    },
  },
}

export const editForms = {
  files: {
    summary: 'Pictures as files',
    value: { prompt: 'The same house at night', model: 'gpt-image-2', 'image[]': ['(bytes of house.png)'] },
  },
}

export const exampleImages = {
  base64: {
    summary: 'Base64',
    value: {
      created: 1795867200,
      data: [{ b64_json: pixel }],
      output_format: 'png',
      size: '1024x1024',
      quality: 'low',
      usage,
    },
  },
  address: {
    summary: 'An address',
    value: {
      created: 1795867200,
      data: [
        {
          url: 'https://images.example/files/d34a5dd4-0f2c-4c06-a2c8-6f4c4a2d7e01/0.png?exp=1795870800&sig=0123abcd',
        },
      ],
      output_format: 'png',
      size: '1024x1024',
      quality: 'low',
    },
  },
}

export function exampleEvents(mode: string) {
  return {
    type: `${mode}.completed`,
    b64_json: pixel,
    created_at: 1795867200,
    size: '1024x1024',
    quality: 'low',
    background: 'auto',
    output_format: 'png',
    usage,
  }
}

export const exampleModel = {
  id: 'gpt-image-2',
  object: 'model',
  created: 1776729600,
  owned_by: 'openai',
}

const error = (message: string, rest: { type?: string; param?: string; code?: string }) => ({
  error: {
    message,
    type: rest.type ?? 'invalid_request_error',
    param: rest.param ?? null,
    code: rest.code ?? null,
  },
})

export const errors = {
  invalid: error('n must be at most 4 for this model.', { param: 'n', code: 'invalid_value' }),
  moderation: error('The content was refused by a safety system. Nothing was charged.', {
    type: 'image_generation_user_error',
    code: 'moderation_blocked',
  }),
  unauthorized: error('The API key is missing or not valid.', { code: 'invalid_api_key' }),
  forbidden: error('The API key lacks the scope "generate".', { code: 'insufficient_permissions' }),
  model: error('There is no model called gpt-image-9.', { param: 'model', code: 'model_not_found' }),
  large: error('The request body may have at most 524288 bytes.', {}),
  type: error('Send the body as application/json.', {}),
  reused: error('The idempotency key was used with another request.', { code: 'idempotency_key_reused' }),
  rate: error('Too many requests.', { type: 'requests', code: 'rate_limit_exceeded' }),
  quota: error('This needs 5 credits, and the account has less.', {
    type: 'insufficient_quota',
    code: 'insufficient_quota',
  }),
  failed: error('The model failed to make the image. Nothing was charged.', {
    type: 'server_error',
    code: 'upstream_failed',
  }),
  internal: error('Something went wrong on our side.', { type: 'server_error', code: 'internal' }),
  overloaded: error('The service is at capacity.', { type: 'server_error', code: 'overloaded' }),
}
