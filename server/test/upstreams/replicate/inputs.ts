// Checks the inputs of a prediction against its model's schema, as the vendor does before it takes one on.
import type { Answer } from '../faults.ts'
import type { EmulatedModel, Field } from './models.ts'
import { type InvalidField, refuseInputs } from './refusals.ts'

export type Inputs = Record<string, unknown>

/** The inputs with their defaults, or the vendor's 422. `isKnownFile` tells whether an uploaded file is there. */
export function checkInputs(
  model: EmulatedModel,
  input: Inputs,
  isKnownFile: (url: string) => boolean,
): { inputs: Inputs } | { answer: Answer } {
  const faults: InvalidField[] = []
  for (const [name, field] of Object.entries(model.fields)) {
    const value = input[name]
    if (value === undefined) {
      if (field.required) faults.push(fault('required', name, `${name} is required`))
      continue
    }
    const found = checkValue(name, field, value)
    if (found !== null) faults.push(found)
    else for (const url of listUrls(field, value)) if (!isKnownFile(url)) faults.push(lostFile(name))
  }
  for (const name of Object.keys(input)) {
    if (model.isStrict && !(name in model.fields)) {
      faults.push(
        fault('additional_property_not_allowed', name, `Additional property ${name} is not allowed`),
      )
    }
  }
  const tolerance = input.safety_tolerance
  if (
    model.fields.input_image &&
    input.input_image !== undefined &&
    typeof tolerance === 'number' &&
    tolerance > 2
  ) {
    faults.push(fault('number_lte', 'safety_tolerance', 'Must be less than or equal to 2'))
  }
  if (faults.length > 0) return { answer: refuseInputs(faults) }
  const defaults = Object.entries(model.fields).flatMap(([name, field]) =>
    field.default === undefined ? [] : [[name, field.default]],
  )
  return { inputs: { ...Object.fromEntries(defaults), ...input } }
}

function checkValue(name: string, field: Field, value: unknown): InvalidField | null {
  switch (field.type) {
    case 'boolean':
      return typeof value === 'boolean' ? null : wrongType(name, 'boolean')
    case 'integer':
    case 'number':
      return checkNumber(name, field, value)
    case 'uri':
      return isUri(value) ? null : fault('format', name, 'Does not match format "uri"')
    case 'uris':
      if (!Array.isArray(value) || !value.every(isUri)) return wrongType(name, 'array')
      return value.length <= (field.max ?? 99)
        ? null
        : fault('array_max_items', name, `Array must have at most ${field.max} items`)
    case 'string':
      if (typeof value !== 'string') return wrongType(name, 'string')
      if (field.values === undefined || field.values.includes(value)) return null
      return fault(
        'enum',
        name,
        `${name} must be one of the following: ${field.values.map(each => `"${each}"`).join(', ')}`,
      )
  }
}

function checkNumber(name: string, field: Field, value: unknown): InvalidField | null {
  if (typeof value !== 'number') return wrongType(name, field.type)
  if (field.type === 'integer' && !Number.isInteger(value)) return wrongType(name, 'integer')
  if (field.max !== undefined && value > field.max) {
    return fault('number_lte', name, `Must be less than or equal to ${field.max}`)
  }
  if (field.min !== undefined && value < field.min) {
    return fault('number_gte', name, `Must be greater than or equal to ${field.min}`)
  }
  const isMultiple = field.multipleOf === undefined || value % field.multipleOf === 0
  return isMultiple ? null : fault('multiple_of', name, `Must be a multiple of ${field.multipleOf}`)
}

function listUrls(field: Field, value: unknown): string[] {
  if (field.type === 'uri') return [String(value)]
  return field.type === 'uris' && Array.isArray(value) ? value.map(String) : []
}

function isUri(value: unknown): boolean {
  return typeof value === 'string' && /^(https?:\/\/|data:)/.test(value)
}

function wrongType(name: string, type: string): InvalidField {
  return fault('invalid_type', name, `Invalid type. Expected: ${type}`)
}

function lostFile(name: string): InvalidField {
  return fault('format', name, 'The file does not exist')
}

function fault(type: string, name: string, description: string): InvalidField {
  return { type, field: `input.${name}`, description }
}
