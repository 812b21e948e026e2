// The scenarios of the provider contract that are the same for every upstream: faults of the transport, on the create
// and on every read after it.
import type { FailureKind, ProviderRequest } from '../src/providers/provider.ts'
import type { PlayedScenario } from './contract-matrix.ts'

export type ContractMode = PlayedScenario['mode']

export type ContractScenario = {
  /** Directives as in a prompt, without the brackets; '' = plain success. */
  behaviour: string
  outcome: 'succeeded' | 'pending' | FailureKind
  /**
   * What the scenario is about, for the matrix; `webhook` also lends an address to be called back. Default: where its
   * fault strikes.
   */
  mode?: ContractMode
  /** Works the emulator must have billed; default: 1 for a success, not checked otherwise. */
  billable?: number
  /** Creates the emulator must have seen; default 1. */
  requests?: number
  /** Pictures that must lie in storage; default: at least one. */
  pictures?: number
  /** Webhooks that must have been believed. */
  notices?: number
  request?: Partial<ProviderRequest>
  /** What else the outcome must match; pictures of a success are `received` by then. */
  match?: Record<string, unknown>
  deadlineMs?: number
  /** The time limit of one poll or download. */
  readMs?: number
}

/** Faults of the transport, the same for every upstream. */
export const transportScenarios: ContractScenario[] = [
  { behaviour: '', outcome: 'succeeded' },
  { behaviour: 'slow=300', outcome: 'succeeded' },
  { behaviour: 'reset_during_request', outcome: 'unknown_outcome', billable: 0 },
  { behaviour: 'reset_before_headers, when=before', outcome: 'unknown_outcome', billable: 0 },
  { behaviour: 'reset_before_headers', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'reset_mid_body', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'long_content_length', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'html_500', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'html_502', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'html_502, when=before', outcome: 'unknown_outcome', billable: 0 },
  { behaviour: 'html_503', outcome: 'unknown_outcome' },
  { behaviour: 'html_504', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'empty_200', outcome: 'malformed_response', billable: 1 },
  { behaviour: 'not_json', outcome: 'malformed_response', billable: 1 },
  { behaviour: 'deep_json', outcome: 'malformed_response', billable: 1 },
  { behaviour: 'gzip_bomb', outcome: 'malformed_response', billable: 1 },
]

/** Faults that only the deadline ends. */
export const stuckScenarios: ContractScenario[] = [
  { behaviour: 'hang', outcome: 'unknown_outcome', billable: 1, deadlineMs: 400 },
  { behaviour: 'stall_mid_body', outcome: 'unknown_outcome', billable: 1, deadlineMs: 400 },
  { behaviour: 'drip=20', outcome: 'unknown_outcome', billable: 1, deadlineMs: 400 },
]
export const tooSlow: ContractScenario = {
  behaviour: 'slow=3000',
  outcome: 'unknown_outcome',
  billable: 1,
  deadlineMs: 400,
}

/** Faults of one read. Reading again costs nothing and the work is there, so none of them may end it. */
const readFaults = [
  'reset_before_headers',
  'reset_mid_body',
  'long_content_length',
  'html_500',
  'html_502',
  'html_503',
  'html_504',
  'empty_200',
  'not_json',
  'deep_json',
  'gzip_bomb',
]
const stuckReads = ['hang', 'stall_mid_body', 'drip=20']

/** What happens to a read that fails: it is made again. */
export function listReadScenarios(place: 'poll' | 'download'): ContractScenario[] {
  return [
    ...readFaults.map(fault => ({ behaviour: `${fault}, on=${place}`, outcome: 'succeeded' as const })),
    { behaviour: `html_502, on=${place}, reads=3`, outcome: 'succeeded' },
    ...stuckReads.map(fault => ({
      behaviour: `${fault}, on=${place}`,
      outcome: 'succeeded' as const,
      readMs: 400,
    })),
  ]
}
