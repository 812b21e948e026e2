// Builds moderation as it is configured.
import { readFileSync } from 'node:fs'
import type { ModerationConfig } from '../config.ts'
import type { OutboundClient } from '../outbound.ts'
import { createModeration, joinJudges, type ModerationNeeds } from './create-moderation.ts'
import { defaultWords } from './default-words.ts'
import type { Judge, Moderation } from './moderation.ts'
import { createOpenAiJudge, type OpenAiJudgeOptions } from './openai.ts'
import { createWordJudge, parseWordList } from './words.ts'

export type OpenModerationNeeds = Pick<ModerationNeeds, 'db' | 'log' | 'metrics' | 'now'> &
  Pick<OpenAiJudgeOptions, 'shrink'> & {
    http: OutboundClient
    /** Accounts with that many blocked results today. */
    listCapped(blockedPerDay: number): Promise<string[]>
  }

/** Throws when the word list cannot be read. */
export function openModeration(needs: OpenModerationNeeds, config: ModerationConfig): Moderation {
  const { blockedPerDay, onFailure, checksOutput, strikes } = config
  const judges = openJudges(needs, config)
  return createModeration({
    ...needs,
    ...{ onFailure, checksOutput, strikes },
    judge: judges.length === 0 ? null : joinJudges(judges),
    listCapped: blockedPerDay > 0 ? () => needs.listCapped(blockedPerDay) : null,
  })
}

function openJudges(
  { http, shrink }: OpenModerationNeeds,
  { kind, wordsFile, provider }: ModerationConfig,
): Judge[] {
  if (kind === 'off') return []
  const words = wordsFile ? readWords(wordsFile) : kind === 'words' ? defaultWords : []
  return [
    ...(words.length > 0 ? [createWordJudge(words)] : []),
    ...(provider ? [createOpenAiJudge({ ...provider, http, shrink })] : []),
  ]
}

/** What checks, in words. Throws when the word list cannot be read. */
export function describeModeration({ kind, wordsFile, provider }: ModerationConfig): string {
  if (kind === 'off') return 'Off.'
  const words = wordsFile ? readWords(wordsFile) : kind === 'words' ? defaultWords : []
  const list = words.length > 0 ? [`a list of ${words.length} words or phrases`] : []
  return `By ${[...list, ...(provider ? [provider.model] : [])].join(' and ')}.`
}

function readWords(file: string): string[] {
  try {
    const words = parseWordList(readFileSync(file, 'utf8'))
    if (words.length === 0) throw new Error('it holds no word')
    return words
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error)
    throw new Error(`MODERATION_WORDS names a word list that cannot be used: ${file}: ${cause}`, {
      cause: error,
    })
  }
}
