// Reads getimg's success: addresses that end, and what the call has cost. The cost counts whatever became of the
// pictures, so it is told in every outcome.
import { isRecord, textOrNull } from '../hosted-call.ts'
import {
  noUsage,
  type ProviderFailure,
  type ProviderOutcome,
  type UpstreamImage,
  type Usage,
} from '../provider.ts'

const USD_MICRO = 1_000_000
/** A stated cost above this is a mistake of the upstream, not a price: one picture for a thousand dollars. */
const MAX_COST_USD = 1_000

/** Classifies a whole answer under 2xx. */
export function readAnswer(value: unknown): ProviderOutcome {
  if (!isRecord(value)) return malformed('it is no object', noUsage)
  const usage = readUsage(value)
  const status = textOrNull(value.status)
  if (status !== null && /^(failed|error|canceled|cancelled)$/i.test(status)) {
    return { kind: 'failed', failure: 'upstream_failed', message: `getimg says ${status}`, usage }
  }
  const images = (Array.isArray(value.data) ? value.data : []).flatMap(readFile)
  if (images.length === 0) return malformed('data holds no file', usage)
  const warnings = images.length === 1 ? [] : [`Asked for 1 picture, ${images.length} arrived`]
  // More than was asked for cannot be sold.
  return { kind: 'succeeded', images: images.slice(0, 1), usage, warnings }
}

function readFile(file: unknown): UpstreamImage[] {
  const url = isRecord(file) ? textOrNull(file.url) : null
  if (!isRecord(file) || url === null || !URL.canParse(url)) return []
  return [{ kind: 'url', url, mediaType: textOrNull(file.mime_type) }]
}

function readUsage({ id, usage }: Record<string, unknown>): Usage {
  const cost = isRecord(usage) ? usage.total_cost : null
  return { ...noUsage, costUsdMicro: readCostUsdMicro(cost), upstreamRequestId: textOrNull(id) }
}

/** A JSON number as documented, or the same as text; null where it states nothing that can be a cost. */
function readCostUsdMicro(cost: unknown): number | null {
  const isNumeric = typeof cost === 'number' || (typeof cost === 'string' && /^\d+(\.\d+)?$/.test(cost))
  const usd = isNumeric ? Number(cost) : Number.NaN
  return usd >= 0 && usd <= MAX_COST_USD ? Math.round(usd * USD_MICRO) : null
}

function malformed(why: string, usage: Usage): ProviderFailure {
  return {
    kind: 'failed',
    failure: 'malformed_response',
    message: `getimg's answer is unusable: ${why}`,
    usage,
  }
}
