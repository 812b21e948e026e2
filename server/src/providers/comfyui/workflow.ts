// A workflow of ComfyUI as a template: the operator's file says which inputs of which nodes are filled, under names;
// everything else in it stays as it is. A customer fills slots and reaches nothing more.

/** An input of a node. */
export type Place = { node: string; input: string }

export type Workflow = {
  name: string
  nodes: Record<string, WorkflowNode>
  /** By the slot's name. Each of `references` takes one picture, in order; all places of any other take one value. */
  slots: ReadonlyMap<string, readonly Place[]>
  /** Nodes whose pictures are delivered; empty = all that save some. */
  outputs: readonly string[]
}

export type WorkflowNode = { class_type: string; inputs: Record<string, unknown>; [more: string]: unknown }

export type SlotValue = string | number | boolean | string[]

/** All mistakes of the files of a folder, each as `file: path: message`. */
export class WorkflowError extends Error {
  override name = 'WorkflowError'
  constructor(readonly problems: string[]) {
    super(
      `The workflows have ${problems.length} mistake(s):\n${problems.map(each => `  ${each}`).join('\n')}`,
    )
  }
}

/** Slots that orders fill, by the type of their values; a route's parameters fill those of other names. */
const KNOWN_SLOTS: Record<string, 'string' | 'number'> = {
  prompt: 'string',
  negativePrompt: 'string',
  references: 'string',
  mask: 'string',
  seed: 'number',
  width: 'number',
  height: 'number',
  count: 'number',
}

type Say = (path: string, message: string) => void

/** Reads a template; null when it has mistakes, all of which have been said. */
export function parseWorkflow(name: string, content: unknown, say: Say): Workflow | null {
  let isGood = true
  const fault: Say = (path, message) => {
    isGood = false
    say(path, message)
  }
  if (!isRecord(content)) {
    fault('file', 'expected an object with workflow and slots')
    return null
  }
  for (const key of Object.keys(content)) {
    if (!['workflow', 'slots', 'outputs', 'note'].includes(key)) fault(key, describeUnknown(content))
  }
  const nodes = readNodes(content.workflow, fault)
  const slots = readSlots(content.slots, nodes, fault)
  const outputs = readOutputs(content.outputs, nodes, fault)
  return isGood ? { name, nodes, slots, outputs } : null
}

function describeUnknown(content: Record<string, unknown>): string {
  if ('nodes' in content && 'links' in content) {
    return 'this is a workflow as the editor saves it: put what "Export (API)" gives under "workflow"'
  }
  const isBare = Object.values(content).some(value => isRecord(value) && 'class_type' in value)
  return isBare ? 'put the nodes under "workflow", beside "slots"' : 'unknown field'
}

function readNodes(value: unknown, fault: Say): Record<string, WorkflowNode> {
  if (!isRecord(value) || Object.keys(value).length === 0) {
    const isSaved = isRecord(value) && 'nodes' in value
    fault('workflow', isSaved ? describeUnknown({ ...value, links: [] }) : 'expected nodes by their numbers')
    return {}
  }
  const nodes: Record<string, WorkflowNode> = {}
  for (const [id, node] of Object.entries(value)) {
    if (!isRecord(node) || typeof node.class_type !== 'string' || !isRecord(node.inputs)) {
      fault(`workflow.${id}`, 'expected a node with class_type and inputs, as "Export (API)" writes it')
    } else nodes[id] = { ...node, class_type: node.class_type, inputs: node.inputs }
  }
  for (const [id, node] of Object.entries(nodes)) {
    for (const [input, linked] of Object.entries(node.inputs)) {
      if (isLink(linked) && !(linked[0] in value)) {
        fault(`workflow.${id}.inputs.${input}`, `comes from node ${linked[0]}, which is not there`)
      }
    }
  }
  return nodes
}

function readSlots(value: unknown, nodes: Record<string, WorkflowNode>, fault: Say): Map<string, Place[]> {
  const slots = new Map<string, Place[]>()
  if (!isRecord(value)) {
    fault('slots', 'expected names of slots with their inputs, such as {"prompt": "6.text"}')
    return slots
  }
  for (const [slot, given] of Object.entries(value)) {
    const path = `slots.${slot}`
    if (!/^[a-z][A-Za-z0-9_]*$/.test(slot)) fault(path, 'expected a name of letters, digits and _')
    const texts = Array.isArray(given) ? given : [given]
    if (texts.length === 0) fault(path, 'expected at least one input')
    const places = texts.map(text =>
      readPlace(text, { path, nodes, wanted: KNOWN_SLOTS[slot] ?? null, fault }),
    )
    slots.set(
      slot,
      places.filter(place => place !== null),
    )
  }
  if (!('prompt' in value)) fault('slots.prompt', 'missing: without it every order would draw the same')
  if ('width' in value !== 'height' in value) fault('slots', 'width and height belong together')
  return slots
}

type Placing = {
  path: string
  nodes: Record<string, WorkflowNode>
  wanted: 'string' | 'number' | null
  fault: Say
}

function readPlace(text: unknown, { path, nodes, wanted, fault }: Placing): Place | null {
  const match = /^([^.]+)\.(.+)$/.exec(typeof text === 'string' ? text : '')
  if (match === null) {
    fault(path, 'expected node.input, such as 6.text')
    return null
  }
  const [, id = '', input = ''] = match
  const node = nodes[id]
  if (node === undefined) {
    fault(path, `there is no node ${id}`)
    return null
  }
  const current = node.inputs[input]
  if (current === undefined) {
    const known = Object.keys(node.inputs).join(', ')
    fault(path, `node ${id} (${node.class_type}) has no input ${input}; it has ${known || 'none'}`)
  } else if (isLink(current)) {
    fault(path, `the input ${input} of node ${id} comes from another node; name the input there`)
  } else if (wanted !== null && typeof current !== wanted) {
    fault(path, `the input ${input} of node ${id} (${node.class_type}) is no ${wanted}`)
  }
  return { node: id, input }
}

function readOutputs(value: unknown, nodes: Record<string, WorkflowNode>, fault: Say): string[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.length === 0) {
    fault('outputs', 'expected numbers of nodes, such as ["9"]')
    return []
  }
  for (const id of value) {
    if (typeof id !== 'string' || !(id in nodes)) fault('outputs', `there is no node ${String(id)}`)
  }
  return value.map(String)
}

/** The nodes with the slots filled; the template stays as it is. Every value must have its slot. */
export function fillWorkflow(
  { nodes, slots }: Workflow,
  values: ReadonlyMap<string, SlotValue>,
): Record<string, WorkflowNode> {
  const filled = structuredClone(nodes)
  for (const [slot, value] of values) {
    for (const [index, { node, input }] of (slots.get(slot) ?? []).entries()) {
      const inputs = filled[node]?.inputs
      if (inputs) inputs[input] = Array.isArray(value) ? value[index] : value
    }
  }
  return filled
}

/** Which slot an input belongs to; null = it is the template's own. */
export function findSlot({ slots }: Workflow, place: Place): string | null {
  for (const [slot, places] of slots) {
    if (places.some(({ node, input }) => node === place.node && input === place.input)) return slot
  }
  return null
}

function isLink(value: unknown): value is [string, number] {
  return Array.isArray(value) && value.length === 2 && typeof value[1] === 'number'
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
