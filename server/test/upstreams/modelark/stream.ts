// ModelArk's event stream: one event for each picture or error, then the completed one and [DONE].
import { cutConnection, write } from '../faults.ts'
import { readNumber } from '../upstream.ts'
import { countItems, describeUsage, type Item, type Making, makeItem, secondsNow } from './answers.ts'
import { itemError } from './refusals.ts'

export async function streamAnswer(making: Making): Promise<void> {
  const { exchange, order } = making
  const { directives, response } = exchange
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
  if (directives.has('error_in_200')) {
    await write(
      exchange,
      frame(making, 'error', { error: { code: 'InternalServiceError', message: 'Sorry.' } }),
    )
    return void response.end()
  }
  const items: Item[] = []
  for (let index = 0; index < countItems(making); index += 1) {
    if (readNumber(directives, 'reset_after', Number.POSITIVE_INFINITY) <= index) {
      return cutConnection(exchange, true)
    }
    const item = directives.has('moderation_output')
      ? { error: itemError(directives) }
      : await makeItem(making, index)
    items.push(item)
    const name = item.error === undefined ? 'partial_succeeded' : 'partial_failed'
    const text = frame(making, `image_generation.${name}`, { image_index: index, ...item })
    if (directives.has('cut_in_event')) {
      await write(exchange, text.slice(0, text.length / 2))
      return void response.end()
    }
    if (!(await write(exchange, text))) return
  }
  if (directives.has('reset_mid_body')) return cutConnection(exchange, true)
  if (!directives.has('no_completed')) {
    await write(
      exchange,
      frame(making, 'image_generation.completed', { model: order.model, ...describeUsage(making, items) }),
    )
    if (!directives.has('no_done')) await write(exchange, 'data: [DONE]\n\n')
  }
  response.end()
  await exchange.closed
}

function frame({ exchange, order }: Making, type: string, fields: Item): string {
  const data = JSON.stringify({ type, model: order.model, created: secondsNow(), ...fields })
  return exchange.directives.has('bare_events') ? `data: ${data}\n\n` : `event: ${type}\ndata: ${data}\n\n`
}
