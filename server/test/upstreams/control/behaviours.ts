// What may be asked of an emulator from outside a prompt: its declared directives, read from their own spelling
// (`name`, `name=VALUE`, `name=one|other`), so that a misspelt wish is refused instead of doing nothing.
import { parseBehaviour } from '../upstream.ts'

/** As emulators declare them: spelling → meaning. */
export type Declared = Readonly<Record<string, string>>

export type DirectiveForm = {
  /** As declared: `slow=MS`. */
  form: string
  name: string
  /** What stands behind the sign of equality; null = nothing does. */
  value: string | null
  meaning: string
}

/** These strike before a body was read, so that only a script of a test can choose them; see Script. */
const ofScriptsOnly = ['reset_during_request']
/** Say when and how often others strike; on their own they do nothing. */
const modifiers = ['first', 'when', 'on', 'reads']
const numbers = ['MS', 'N', 'BYTES', 'STATUS']

/** The forms that the control page offers. */
export function listForms(declared: Declared): DirectiveForm[] {
  return Object.entries(declared)
    .map(([form, meaning]) => {
      const at = form.indexOf('=')
      if (at < 0) return { form, name: form, value: null, meaning }
      return { form, name: form.slice(0, at), value: form.slice(at + 1), meaning }
    })
    .filter(({ name }) => !ofScriptsOnly.includes(name))
}

/** Why the text can be no behaviour of an emulator that declares these; null = it can. */
export function findFault(text: string, declared: Declared): string | null {
  const forms = listForms(declared)
  const wished = [...parseBehaviour(text)]
  if (wished.length === 0) return 'names no behaviour; DELETE takes one back'
  for (const [name, value] of wished) {
    const known = forms.filter(form => form.name === name)
    if (known.length === 0) return `${name} is none of this emulator's behaviours`
    const spellings = known.map(({ form }) => form).join(' or ')
    if (value === '' && !known.some(standsAlone)) return `${name} needs a value: ${spellings}`
    if (value !== '' && !known.some(form => acceptsValue(form, value))) {
      return `${name} does not take the value ${value}: ${spellings}`
    }
  }
  if (wished.every(([name]) => modifiers.includes(name))) return 'says when or how often, but not what'
  return null
}

/** A value may be left out where there is none, or where the meaning says what stands in for it. */
function standsAlone({ value, meaning }: DirectiveForm): boolean {
  return value === null || meaning.includes('default')
}

function acceptsValue({ value: placeholder }: DirectiveForm, value: string): boolean {
  if (placeholder === null) return false
  if (numbers.includes(placeholder)) return /^\d{1,10}(?:\.\d+)?$/.test(value)
  const words = placeholder.split('|')
  // Capitals stand for any text; plain words are the only ones there are.
  return words.some(word => word === value || /^[A-Z][A-Z+_-]*$/.test(word))
}
