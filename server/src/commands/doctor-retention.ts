// What doctor says of RETENTION_DAYS: only while a shorter term is about to delete what the one before it kept, or while
// workers have different ones.
import type { DatabaseNeeds } from './needs.ts'

type RetentionReport = { name: string; status: 'warn'; message: string; advice: string }

export async function describeRetention(needs: DatabaseNeeds): Promise<RetentionReport[]> {
  return [...(await describeAnnounced(needs)), ...(await describeDiffering(needs))]
}

async function describeAnnounced(needs: DatabaseNeeds): Promise<RetentionReport[]> {
  const announced = await needs.findAnnouncedTerm(needs.db)
  if (!announced) return []
  const { days, nextDays, at, generations, isMore } = announced
  const many = generations === null ? 'An unknown number of' : `${isMore ? 'At least ' : ''}${generations}`
  const before = days === 0 ? 'everything is kept' : `it is ${days}`
  const message = `From ${at.toISOString()} on RETENTION_DAYS is ${nextDays}, until then ${before}. ${many} generations will then be deleted at once.`
  const advice = 'If that is not meant, put the old number back on all nodes before then, and restart them.'
  return [{ name: 'retention', status: 'warn', message, advice }]
}

async function describeDiffering(needs: DatabaseNeeds): Promise<RetentionReport[]> {
  const differing = await needs.listDifferingTerms(needs.db)
  if (differing.length === 0) return []
  const holders = differing.map(({ process, days }) => `${days} (${process})`).join(', ')
  const message = `Workers have different RETENTION_DAYS: ${holders}. While they differ nothing is deleted that one of them keeps.`
  const advice = 'Set the same RETENTION_DAYS on all workers, and restart them.'
  return [{ name: 'retention workers', status: 'warn', message, advice }]
}
