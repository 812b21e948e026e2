// The published Postman collection (docs/postman), as a service gives it out: with its own address filled in.

type Collection = { variable: { key: string; value: string }[] }

export function fillCollection<Published extends Collection>(published: Published, publicUrl: string) {
  const variable = published.variable.map(each =>
    each.key === 'baseUrl' ? { ...each, value: publicUrl } : each,
  )
  return { ...published, variable }
}
