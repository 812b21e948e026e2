// Settings of the upstreams: keys, addresses, and what else each needs to be told.
import type { Setting } from './setting.ts'

const first: Setting[] = [
  {
    name: 'OPENAI_API_KEY',
    default: '',
    values: 'secret',
    meaning: 'Key of the OpenAI API or one that speaks its images contract. Turns the provider on.',
  },
  {
    name: 'OPENAI_BASE_URL',
    default: 'https://api.openai.com/v1',
    values: 'URL',
    meaning: 'Its address; the origin is trusted, also when it is private.',
  },
  { name: 'OPENAI_ORGANIZATION', default: '', values: 'text', meaning: 'Sent as the organisation header.' },
  { name: 'OPENAI_PROJECT', default: '', values: 'text', meaning: 'Sent as the project header.' },
  {
    name: 'GEMINI_API_KEY',
    default: '',
    values: 'secret',
    meaning: 'Key of the Gemini API. Turns the provider on.',
  },
  {
    name: 'GEMINI_BASE_URL',
    default: 'https://generativelanguage.googleapis.com/v1beta',
    values: 'URL',
    meaning: 'Its address; the origin is trusted, also when it is private.',
  },
]

/** Alike for all hosted upstreams that need a key and nothing else. */
const hosted: Setting[] = [
  ['REPLICATE_API_TOKEN', 'REPLICATE_BASE_URL', 'Replicate', 'https://api.replicate.com/v1'],
  ['GETIMG_API_KEY', 'GETIMG_BASE_URL', 'getimg.ai', 'https://api.getimg.ai'],
  ['FAL_API_KEY', 'FAL_BASE_URL', "fal's queue", 'https://queue.fal.run'],
  ['BFL_API_KEY', 'BFL_BASE_URL', 'Black Forest Labs', 'https://api.bfl.ai/v1'],
  ['STABILITY_API_KEY', 'STABILITY_BASE_URL', 'Stability AI', 'https://api.stability.ai/v2beta'],
  [
    'MODELARK_API_KEY',
    'MODELARK_BASE_URL',
    'ByteDance ModelArk',
    'https://ark.ap-southeast.bytepluses.com/api/v3',
  ],
].flatMap(([key = '', address = '', name = '', url = '']) => [
  { name: key, default: '', values: 'secret', meaning: `Key of ${name}. Turns the provider on.` },
  {
    name: address,
    default: url,
    values: 'URL',
    meaning: 'Its address; the origin is trusted, also when it is private.',
  },
])

const engines: Setting[] = [
  {
    name: 'SDAPI_BASE_URL',
    default: '',
    values: 'URL, …',
    meaning:
      'Engines with the interface of AUTOMATIC1111 (Forge, SD.Next, sd-server), such as `http://gpu-1:7860`. Several share the work; `name=URL` is one apart, the provider `sdapi-name`.',
  },
  {
    name: 'SDAPI_AUTH',
    default: '',
    values: 'secret',
    meaning: 'Their `user:password`, where they were started with `--api-auth`.',
  },
  {
    name: 'COMFYUI_BASE_URL',
    default: '',
    values: 'URL, …',
    meaning: 'ComfyUI, such as `http://gpu-1:8188`. Several as with `SDAPI_BASE_URL`.',
  },
  {
    name: 'COMFYUI_AUTH',
    default: '',
    values: 'secret',
    meaning: '`user:password` of a proxy before it.',
  },
  {
    name: 'COMFYUI_WORKFLOWS',
    default: '',
    values: 'folder',
    meaning:
      'Its workflow templates, each a `.json` under the name that routes call it by. Read once, at start.',
  },
  {
    name: 'OPENAI_COMPATIBLE_BASE_URL',
    default: '',
    values: 'URL, …',
    meaning:
      "Engines that speak OpenAI's Images API (LocalAI, sd-server, vLLM-Omni), with the version: `http://gpu-1:8080/v1`. Several as with `SDAPI_BASE_URL`.",
  },
  {
    name: 'OPENAI_COMPATIBLE_API_KEY',
    default: '',
    values: 'secret',
    meaning: 'Their key, where they want one.',
  },
  {
    name: 'OPENAI_COMPATIBLE_MODEL',
    default: '',
    values: 'text',
    meaning:
      'The name there of the model that `self-hosted:openai-compatible` runs on; unset: none is named.',
  },
  {
    name: 'OPENAI_COMPATIBLE_PROFILE',
    default: 'generic',
    values: 'generic, localai',
    meaning:
      '`localai`: negative prompts behind a `|` and pictures as base64, as LocalAI wants them; otherwise a field and a form.',
  },
]

const packages: Setting[] = [
  {
    name: 'AI_SDK_PROVIDERS',
    default: '',
    values: 'name=package, …',
    meaning:
      'Providers behind packages of the Vercel AI SDK, such as `luma=@ai-sdk/luma`. Each takes `LUMA_API_KEY` by its name, where the database holds no key for it, and `LUMA_BASE_URL`. See docs/providers/ai-sdk.md.',
  },
]

const reaching: Setting[] = [
  {
    name: 'UPSTREAM_WEBHOOKS',
    default: 'auto',
    values: 'auto, on, off',
    meaning:
      'Upstreams are asked to call `PUBLIC_URL` when work has ended, and are polled rarely then. `auto`: where it is https.',
  },
  {
    name: 'OUTBOUND_ALLOW',
    default: '',
    values: 'host:port, …',
    meaning:
      'Exact targets for which the checks of scheme, port and address are lifted. For test receivers and engines in a private network.',
  },
]

export const upstreams: Setting[] = [...first, ...hosted, ...engines, ...packages, ...reaching]
