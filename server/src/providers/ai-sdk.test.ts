// The bridge to the AI SDK's packages, through packages that differ the most: base64 at once (xAI), raw bytes at once and
// tasks polled by POST (Fireworks), tasks polled by GET (Luma). All run the shared contract over their emulators.

import { plainRequest } from '../../test/provider-context.ts'
import { type ContractScenario, describeProviderContract } from '../../test/provider-contract.ts'
import { defaultFireworksKey, startFireworksUpstream } from '../../test/upstreams/fireworks.ts'
import { defaultLumaKey, startLumaUpstream } from '../../test/upstreams/luma.ts'
import { defaultXaiKey, startXaiUpstream } from '../../test/upstreams/xai.ts'
import { createAiSdkProvider } from './ai-sdk.ts'
import type { Provider } from './provider.ts'

function refused(
  behaviour: string,
  outcome: ContractScenario['outcome'],
  match: object = {},
): ContractScenario {
  return { behaviour, outcome, billable: 0, match: { ...match } }
}

function unusable(behaviour: string, more: Partial<ContractScenario> = {}): ContractScenario {
  return { behaviour, outcome: 'malformed_response', billable: 1, ...more }
}

function bridge(name: string) {
  return (address: { baseUrl: string; apiKey: string }): Provider =>
    createAiSdkProvider({ name, package: `@ai-sdk/${name}`, ...address })
}

/** What all vendors of the long tail refuse alike. */
const refusals: ContractScenario[] = [
  refused('moderation_input', 'content_rejected', { stage: 'unknown' }),
  refused('rate_limit', 'rate_limited', { retryAfterMs: 2000 }),
  refused('rate_limit=90', 'rate_limited', { retryAfterMs: 90_000 }),
  refused('no_credits', 'quota_exhausted'),
  refused('wrong_key', 'misconfigured'),
  refused('retired', 'model_retired'),
  refused('error_500', 'unknown_outcome'),
  refused('overloaded', 'unknown_outcome'),
  { behaviour: 'error_500, when=after', outcome: 'unknown_outcome', billable: 1 },
]

describeProviderContract('ai-sdk-xai', {
  createProvider: bridge('xai'),
  startEmulator: async () => {
    const upstream = await startXaiUpstream()
    const { files } = upstream
    return { upstream, files, baseUrl: `${upstream.url}/v1`, apiKey: defaultXaiKey }
  },
  request: plainRequest('grok-imagine-image', { aspectRatio: '1:1' }),
  scenarios: [
    ...refusals,
    refused('moderation_output, slow=50', 'content_rejected'),
    { ...refused('', 'model_retired'), request: { upstreamModel: 'grok-2-image' } },
    { ...refused('', 'invalid_request'), request: { aspectRatio: '7:3' } },
    { ...refused('', 'invalid_request', { field: 'count' }), request: { count: 4 }, requests: 0 },
    { behaviour: '', outcome: 'succeeded', pictures: 3, request: { count: 3 } },
    {
      behaviour: 'fewer=1',
      outcome: 'succeeded',
      request: { count: 3 },
      match: { warnings: ['Asked for 3 pictures, 1 arrived'] },
    },
    { behaviour: 'urls', outcome: 'succeeded', mode: 'download' },
    { behaviour: 'urls, html_502, on=download', outcome: 'succeeded' },
    unusable('urls, file_gone', { mode: 'download', outcome: 'unknown_outcome' }),
    unusable('no_data'),
    unusable('empty_data'),
    unusable('null_picture'),
    unusable('half_base64'),
    unusable('half_picture'),
    unusable('words_for_picture'),
    unusable('half_json'),
  ],
})

describeProviderContract('ai-sdk-fireworks', {
  createProvider: bridge('fireworks'),
  startEmulator: async () => {
    const upstream = await startFireworksUpstream()
    return { upstream, baseUrl: `${upstream.url}/inference/v1`, apiKey: defaultFireworksKey }
  },
  request: plainRequest('accounts/fireworks/models/flux-1-schnell-fp8', { aspectRatio: '1:1', seed: 7 }),
  scenarios: [
    ...refusals,
    { behaviour: 'content_filtered', outcome: 'content_rejected', billable: 1, match: { stage: 'output' } },
    unusable('half_picture'),
    unusable('words_for_picture'),
  ],
})

describeProviderContract('ai-sdk-fireworks', {
  mode: 'poll',
  outputs: 'urls',
  createProvider: bridge('fireworks'),
  startEmulator: async () => {
    const upstream = await startFireworksUpstream()
    const { files } = upstream
    return { upstream, files, baseUrl: `${upstream.url}/inference/v1`, apiKey: defaultFireworksKey }
  },
  request: plainRequest('accounts/fireworks/models/flux-kontext-pro', { aspectRatio: '1:1' }),
  isCreate: ({ path }) => !path.endsWith('/get_result'),
  scenarios: [
    ...refusals,
    { behaviour: 'moderated', outcome: 'content_rejected', billable: 1 },
    { behaviour: 'failed', outcome: 'upstream_failed', billable: 1 },
    // The package cannot read it, as it could not read a state it does not know: asked again to the end.
    { behaviour: 'ready_without_picture', outcome: 'pending', billable: 1, deadlineMs: 400 },
    { behaviour: 'task_gone', outcome: 'unknown_outcome', billable: 1 },
    unusable('half_picture', { mode: 'download' }),
    { behaviour: 'file_gone=1', outcome: 'succeeded', mode: 'download' },
  ],
})

describeProviderContract('ai-sdk-luma', {
  mode: 'poll',
  outputs: 'urls',
  createProvider: bridge('luma'),
  startEmulator: async () => {
    const upstream = await startLumaUpstream()
    const { files } = upstream
    return { upstream, files, baseUrl: upstream.url, apiKey: defaultLumaKey }
  },
  request: plainRequest('photon-1', { aspectRatio: '1:1' }),
  scenarios: [
    ...refusals,
    { ...refused('', 'invalid_request'), request: { aspectRatio: '7:3' } },
    { behaviour: 'moderation_output', outcome: 'content_rejected', billable: 1 },
    { behaviour: 'failed', outcome: 'upstream_failed', billable: 1 },
    unusable('completed_without_picture'),
    { behaviour: 'task_gone', outcome: 'unknown_outcome', billable: 1 },
    unusable('half_picture', { mode: 'download' }),
    unusable('words_for_picture', { mode: 'download' }),
    { behaviour: 'file_gone=1', outcome: 'succeeded', mode: 'download' },
  ],
})
