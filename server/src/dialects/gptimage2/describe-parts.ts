// What the descriptions of gptimage2's endpoints share.
const whole = (description: string) => ({ description, schema: { type: 'integer' as const } })

export const rateHeaders = {
  'X-RateLimit-Limit': whole('Requests per hour.'),
  'X-RateLimit-Remaining': whole('Requests left in the hour.'),
  'X-RateLimit-Reset': whole('End of the hour, in Unix seconds.'),
}
export const waitHeaders = { ...rateHeaders, 'Retry-After': whole('Whole seconds to wait.') }
