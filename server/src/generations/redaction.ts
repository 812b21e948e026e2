// What an upstream says may repeat what it was sent: the customer's prompt and our keys. Everything it says passes
// here on its way out of the adapter, before it is logged or stored. Costs nothing while there is nothing to clean.
import type { CancelOutcome, ProviderOutcome } from '../providers/provider.ts'
import { StorageError } from '../storage/storage.ts'
import { type Folded, foldText } from './fold-text.ts'
import type { Generation } from './generation.ts'

/** `secrets`: keys that this call alone was made with. */
type Sent = Pick<Generation, 'prompt' | 'options'> & { secrets?: readonly string[] }
/** The text without copies of configured secrets and of what the customer wrote. */
export type Redact = (text: string, sent: Sent) => string

/** A run of so many bytes of letters is a copy: twelve Latin letters, four Chinese ones. Less is everybody's words. */
const minRunBytes = 12
/** Shorter prompts and secrets count as a whole, down to this: less tells nothing. */
const minPromptBytes = 4
const minSecretBytes = 6
/** What a message is cut to afterwards: enough to recognise it. */
const maxTextLength = 4_000
/** Longer texts are cut before they are searched; no adapter reads that much. */
const maxSearchedLength = 32 * 1024

const secretMark = 1
const promptMark = 2

/** `listMore` tells secrets that come and go: the same array until they do. */
export function createRedact(
  secrets: readonly string[],
  listMore: () => readonly string[] = () => noSecrets,
): Redact {
  let more = listMore()
  let folded = foldSecrets([...secrets, ...more])
  return (given, { prompt, options, secrets: brought }) => {
    const text = given.slice(0, maxSearchedLength)
    const found = foldText(text)
    const marks = new Uint8Array(text.length)
    for (const said of [prompt, options.negativePrompt, options.style]) {
      const { bytes } = foldText(said ?? '')
      if (bytes.length >= minPromptBytes) markCopies(marks, found, { bytes, mark: promptMark })
    }
    if (listMore() !== more) {
      more = listMore()
      folded = foldSecrets([...secrets, ...more])
    }
    for (const bytes of brought ? [...folded, ...foldSecrets(brought)] : folded)
      markCopies(marks, found, { bytes, mark: secretMark })
    return replaceMarked(text, widenSecrets(text, marks)).slice(0, maxTextLength)
  }
}

const noSecrets: readonly string[] = []

function foldSecrets(secrets: readonly string[]): string[] {
  return secrets.map(each => foldText(each).bytes).filter(each => each.length >= minSecretBytes)
}

/** Calls an adapter. What it answers or throws is cleaned; trouble of storage is ours and passes as it is. */
export async function callUpstream<Outcome extends ProviderOutcome | CancelOutcome>(
  { redact }: { redact: Redact },
  sent: Sent,
  call: () => Promise<Outcome>,
): Promise<Outcome> {
  try {
    return cleanOutcome(await call(), text => toStorableText(redact(text, sent), maxTextLength))
  } catch (error) {
    if (!(error instanceof StorageError)) cleanError(error, text => redact(text, sent))
    throw error
  }
}

/** The database takes no NUL and no half of a pair of surrogates, which a cut may leave. */
export function toStorableText(text: string, maxLength: number): string {
  return text
    .slice(0, maxLength)
    .replaceAll('\0', '\ufffd')
    .replaceAll(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd')
}

function cleanOutcome<Outcome extends ProviderOutcome | CancelOutcome>(
  outcome: Outcome,
  clean: (text: string) => string,
): Outcome {
  if ('message' in outcome) return { ...outcome, message: clean(outcome.message) }
  if ('warnings' in outcome && outcome.warnings.length > 0)
    return { ...outcome, warnings: outcome.warnings.map(clean) }
  return outcome
}

/** In place, causes too, so that an error stays what it is for whoever catches it. */
function cleanError(error: unknown, clean: (text: string) => string): void {
  for (let each = error, depth = 0; each instanceof Error && depth < 10; each = each.cause, depth += 1) {
    for (const field of ['message', 'stack'] as const) {
      const text = each[field] ?? ''
      const cleaned = clean(text)
      // Some errors of the platform have a message that can be defined and not assigned.
      if (cleaned !== text) Object.defineProperty(each, field, { value: cleaned })
    }
  }
}

/** Marks the places of the text that hold a run of the needle, or all of a needle that is shorter than a run. */
function markCopies(marks: Uint8Array, found: Folded, needle: { bytes: string; mark: number }): void {
  const runBytes = Math.min(minRunBytes, needle.bytes.length)
  const isShort = needle.bytes.length < minRunBytes
  const runs = new Set<string>()
  for (let at = 0; at + runBytes <= needle.bytes.length; at += 1)
    runs.add(needle.bytes.slice(at, at + runBytes))
  let marked = 0
  for (let at = 0; at + runBytes <= found.bytes.length; at += 1) {
    if (!runs.has(found.bytes.slice(at, at + runBytes))) continue
    // A short prompt is no part of a longer word; a short secret may stand anywhere.
    if (isShort && needle.mark === promptMark && !isWord(found, at, at + runBytes)) continue
    for (marked = Math.max(marked, at); marked < at + runBytes; marked += 1) {
      marks.fill(needle.mark, found.starts[marked], found.ends[marked])
    }
  }
  joinGaps(marks, found, needle.mark)
}

/** True when other characters than letters stand before and after. */
function isWord({ starts, ends }: Folded, from: number, to: number): boolean {
  const before = from === 0 || (ends[from - 1] ?? 0) < (starts[from] ?? 0)
  return before && (to === starts.length || (ends[to - 1] ?? 0) < (starts[to] ?? 0))
}

/** What lies between two marked letters that follow each other belongs to the copy: spaces, quotes, escapes. */
function joinGaps(marks: Uint8Array, { starts, ends }: Folded, mark: number): void {
  for (let at = 1; at < starts.length; at += 1) {
    const from = ends[at - 1] ?? 0
    const to = starts[at] ?? 0
    if (from < to && marks[from - 1] === mark && marks[to] === mark) marks.fill(mark, from, to)
  }
}

/** The rest of a key goes with the part that was recognised. */
function widenSecrets(text: string, marks: Uint8Array): Uint8Array {
  for (const { 0: word, index } of text.matchAll(/[\w~-]+/g)) {
    const to = index + word.length
    if (marks.subarray(index, to).includes(secretMark)) marks.fill(secretMark, index, to)
  }
  return marks
}

function replaceMarked(text: string, marks: Uint8Array): string {
  const names = ['', '[secret]', '[prompt]']
  let cleaned = ''
  for (let at = 0; at < text.length; ) {
    const mark = marks[at] ?? 0
    let end = at
    while (end < text.length && marks[end] === mark) end += 1
    cleaned += mark === 0 ? text.slice(at, end) : names[mark]
    at = end
  }
  return cleaned
}
