// Turns a request in core words into A1111's: JSON for txt2img, and for img2img where a picture comes with it. Only
// named fields leave this file: scripts and settings of the engine are never within a customer's reach.
import { stripEngineCommands } from '../engine-prompt.ts'
import type { ProviderRequest } from '../provider.ts'
import { toWhiteMask } from '../white-mask.ts'

export type SdapiCall = {
  /** Behind the base URL. */
  path: '/sdapi/v1/txt2img' | '/sdapi/v1/img2img'
  body: string
  /** What the route or the customer wanted and this engine does not take. */
  warnings: string[]
}

/** A request that no body can be made for; the message is for the operator. */
export class UnusableRequest extends Error {
  override name = 'UnusableRequest'
  constructor(
    readonly field: string,
    message: string,
  ) {
    super(message)
  }
}

/** The upstream model that stands for whatever checkpoint the engine has loaded. */
export const LOADED_MODEL = 'default'

// Fixed by a route of the catalogue, sent as they are.
const ROUTE_PARAMETERS = [
  'steps',
  'cfg_scale',
  'distilled_cfg_scale',
  'sampler_name',
  'scheduler',
  'clip_skip',
  'denoising_strength',
  'mask_blur',
  'inpainting_fill',
  'inpaint_full_res',
  'inpaint_full_res_padding',
  'resize_mode',
  'enable_hr',
  'hr_scale',
  'hr_upscaler',
  'hr_second_pass_steps',
]
/** Crops where the picture has another ratio than was asked for; the engine's own default would stretch it. */
const CROP_AND_RESIZE = 1
const ONLY_EDITS = [
  'mask_blur',
  'inpainting_fill',
  'inpaint_full_res',
  'inpaint_full_res_padding',
  'resize_mode',
]

/** Reads the pictures and builds the call. Throws UnusableRequest before anything is sent. */
export async function buildCall(request: ProviderRequest, taskId: string): Promise<SdapiCall> {
  const { references, mask, width, height } = request
  if (references.length > 1) throw new UnusableRequest('references', 'img2img takes one picture')
  if (width === null || height === null) {
    throw new UnusableRequest('size', 'A size must be given: the route has to work in pixels')
  }
  const [reference] = references
  if (mask !== null && !reference) throw new UnusableRequest('mask', 'A mask needs a picture to be edited')
  const warnings: string[] = []
  const fields = { ...buildFields(request, warnings), width, height, force_task_id: taskId }
  if (!reference) return { path: '/sdapi/v1/txt2img', body: JSON.stringify(fields), warnings }
  const edit = {
    resize_mode: CROP_AND_RESIZE,
    ...fields,
    init_images: [(await reference.read()).toString('base64')],
    ...(mask === null
      ? {}
      : { mask: (await toWhiteMask(mask)).toString('base64'), inpainting_mask_invert: 0 }),
    include_init_images: false,
  }
  return { path: '/sdapi/v1/img2img', body: JSON.stringify(edit), warnings }
}

function buildFields(request: ProviderRequest, warnings: string[]): Record<string, unknown> {
  const prompt = stripEngineCommands(request.prompt)
  if (prompt === '')
    throw new UnusableRequest('prompt', 'The prompt holds nothing but commands to the engine')
  const { negativePrompt, seed, count, upstreamModel } = request
  const isEdit = request.references.length > 0
  const parameters: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(request.parameters)) {
    if (!ROUTE_PARAMETERS.includes(name)) warnings.push(`sdapi takes no parameter ${name}; it was left out`)
    else if (isEdit || !ONLY_EDITS.includes(name)) parameters[name] = value
  }
  return {
    ...parameters,
    prompt,
    ...(negativePrompt === null ? {} : { negative_prompt: stripEngineCommands(negativePrompt) }),
    seed: seed ?? -1,
    batch_size: count,
    n_iter: 1,
    send_images: true,
    save_images: false,
    ...(upstreamModel === LOADED_MODEL
      ? {}
      : {
          override_settings: { sd_model_checkpoint: upstreamModel },
          override_settings_restore_afterwards: false,
        }),
  }
}
