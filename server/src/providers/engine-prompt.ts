// Self-hosted engines read commands inside the prompt. A customer's words must stay words.

/** Settings of the engine between two tags; without its end tag the block runs to the end of the prompt. */
const EXTRA_ARGS = /<sd_cpp_extra_args>[\s\S]*?(?:<\/sd_cpp_extra_args>|$)/gi
const STRAY_TAG = /<?\/?sd_cpp_extra_args>?/gi

/**
 * The prompt without what stable-diffusion.cpp takes for settings (size, steps, files). A space stays in its place,
 * so that what stood around it cannot close up to a new tag.
 */
export function stripEngineCommands(prompt: string): string {
  const stripped = prompt.replace(EXTRA_ARGS, ' ').replace(STRAY_TAG, ' ')
  return stripped === prompt ? prompt : stripped.trim()
}

/**
 * For engines that take what follows a `|` for the negative prompt and know no escape: the same stroke in its
 * full-width form.
 */
export function escapePipes(prompt: string): string {
  return prompt.replaceAll('|', '｜')
}
