// What ComfyUI's refusal of a workflow means. It names nodes and inputs: those that a customer fills are the customer's
// fault, everything else is the template's or the engine's, and so the operator's.
import { describeBody, isRecord, parseJsonOrNull, textOrNull } from '../hosted-call.ts'
import type { ProviderFailure } from '../provider.ts'
import { findSlot, type Workflow } from './workflow.ts'

const FIELD_WORDS: Record<string, string> = { width: 'size', height: 'size' }
/** Slots that customers fill with values of their own; pictures are uploaded by us. */
const CUSTOMER_SLOTS = ['prompt', 'negativePrompt', 'seed', 'width', 'height', 'count']

type NodeFault = { type: string; text: string; slot: string | null }

/** Of a 400 to POST /prompt. */
export function classifyRefusal(workflow: Workflow, text: string): ProviderFailure {
  const body = parseJsonOrNull(text)
  const error = isRecord(body) && isRecord(body.error) ? body.error : {}
  const faults = listFaults(workflow, isRecord(body) ? body.node_errors : null)
  const said = [textOrNull(error.type), textOrNull(error.message), ...faults.map(fault => fault.text)]
  const words = said.filter(Boolean).join('; ') || describeBody(text)
  const message = `comfyui refused the workflow ${workflow.name}: ${words}`
  const [first] = faults
  const isCustomers = faults.length > 0 && faults.every(isCustomersFault)
  if (!isCustomers || !first?.slot) return { kind: 'failed', failure: 'misconfigured', message }
  return { kind: 'failed', failure: 'invalid_request', message, field: FIELD_WORDS[first.slot] ?? first.slot }
}

/** A value that is not in a list is a file, sampler or checkpoint that the engine does not have. */
function isCustomersFault({ type, slot }: NodeFault): boolean {
  return type !== 'value_not_in_list' && slot !== null && CUSTOMER_SLOTS.includes(slot)
}

function listFaults(workflow: Workflow, nodeErrors: unknown): NodeFault[] {
  if (!isRecord(nodeErrors)) return []
  return Object.entries(nodeErrors).flatMap(([node, value]) => {
    const { errors, class_type } = isRecord(value) ? value : {}
    return (Array.isArray(errors) ? errors : []).filter(isRecord).map(error => {
      const extra = isRecord(error.extra_info) ? error.extra_info : {}
      const input = textOrNull(extra.input_name) ?? ''
      const type = textOrNull(error.type) ?? ''
      const details = textOrNull(error.details) ?? textOrNull(error.message) ?? ''
      const text = `node ${node} (${textOrNull(class_type) ?? '?'}) ${type}: ${details}`
      return { type, text, slot: findSlot(workflow, { node, input }) }
    })
  })
}
