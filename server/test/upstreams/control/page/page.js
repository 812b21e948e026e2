// The control page of the emulators: shows what the control server says once a second, and sends what was chosen.
// Open cards keep their form as the person left it; only counts, states and requests are written anew.

const REFRESH_MS = 1000
/** They say when and where others strike. */
const modifiers = ['first', 'when', 'on', 'reads']

const main = document.querySelector('#upstreams')
const template = document.querySelector('#card')
const said = document.querySelector('#said')
/** Cards by the name of the upstream. */
const cards = new Map()

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  const value = await response.json()
  if (!response.ok) throw new Error(`${value.error.field}: ${value.error.message}`)
  return value
}

function say(text) {
  said.textContent = text
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text
}

function describeStanding({ behaviour, share, times }) {
  if (behaviour === null) return 'normal'
  const parts = [behaviour]
  if (share < 1) parts.push(`${Math.round(share * 100)}% of the calls`)
  if (times !== null) parts.push(`${times} to go`)
  return parts.join(' · ')
}

function openCard(upstream) {
  const card = template.content.firstElementChild.cloneNode(true)
  const find = name => card.querySelector(`[data-${name}]`)
  find('name').textContent = upstream.name
  find('environment').textContent = Object.entries(upstream.environment)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')
  const choices = find('choices')
  choices.id = `choices-${upstream.name}`
  find('value').setAttribute('list', choices.id)
  find('meaning').id = `meaning-${upstream.name}`
  find('behaviour').setAttribute('aria-describedby', `meaning-${upstream.name}`)
  const entry = { name: upstream.name, card, find, forms: new Map() }
  card.addEventListener('toggle', () => card.open && refreshWhole(entry))
  find('behaviour').addEventListener('change', () => showChosen(entry))
  find('form').addEventListener('submit', event => {
    event.preventDefault()
    act(entry, () => setChosen(entry))
  })
  find('clear').addEventListener('click', () =>
    act(entry, async () => {
      await call('DELETE', `/upstreams/${entry.name}/behaviour`)
      return `${entry.name} is back to normal.`
    }),
  )
  find('reset').addEventListener('click', () =>
    act(entry, async () => {
      await call('POST', `/upstreams/${entry.name}/reset`)
      return `${entry.name} counts from zero and is back to normal.`
    }),
  )
  cards.set(upstream.name, entry)
  main.append(card)
  return entry
}

async function act(entry, what) {
  entry.find('fault').textContent = ''
  try {
    say(await what())
    await refresh()
  } catch (error) {
    entry.find('fault').textContent = error.message
  }
}

async function setChosen({ name, find }) {
  const behaviour = readBehaviour(find)
  const share = Number(find('share').value || 100) / 100
  const times = find('times').value === '' ? null : Number(find('times').value)
  const set = await call('PUT', `/upstreams/${name}/behaviour`, { behaviour, share, times })
  return `${name}: ${describeStanding(set)}`
}

function readBehaviour(find) {
  const option = find('behaviour').selectedOptions[0]
  const value = find('value').value.trim()
  const hasValue = option.dataset.takes !== undefined && value !== ''
  const when = find('when').value
  return `${option.dataset.directive}${hasValue ? `=${value}` : ''}${when === '' ? '' : `, when=${when}`}`
}

function fillForms(entry, { vendor, transport }) {
  if (entry.forms.size > 0) return
  const select = entry.find('behaviour')
  const groups = [
    [`Of ${entry.name}`, vendor],
    ['Of every upstream', transport.filter(({ name }) => !modifiers.includes(name))],
  ]
  for (const [label, forms] of groups) {
    const group = document.createElement('optgroup')
    group.label = label
    for (const form of forms) {
      const option = document.createElement('option')
      option.value = form.form
      option.textContent = `${form.form}: ${form.meaning}`
      option.dataset.directive = form.name
      if (form.value !== null) option.dataset.takes = form.value
      entry.forms.set(form.form, form)
      group.append(option)
    }
    select.append(group)
  }
  showChosen(entry)
}

function showChosen({ find, forms }) {
  const form = forms.get(find('behaviour').value)
  if (form === undefined) return
  find('meaning').textContent = form.meaning
  find('value-field').hidden = form.value === null
  const input = find('value')
  input.value = ''
  if (form.value === null) return
  input.placeholder = form.value
  const words = form.value.split('|')
  // A single plain word is the only value there is.
  if (words.length === 1 && !/^[A-Z]/.test(words[0])) input.value = words[0]
  find('choices').replaceChildren(
    ...words
      .filter(word => !/^[A-Z]/.test(word))
      .map(word => {
        const option = document.createElement('option')
        option.value = word
        return option
      }),
  )
}

function showState({ find }, { counts, standing }) {
  write(find('state'), describeStanding(standing))
  find('state').toggleAttribute('data-set', standing.behaviour !== null)
  write(find('requests'), String(counts.requests))
  write(find('billable'), String(counts.billable))
  write(find('in-flight'), String(counts.inFlight))
}

function describeAnswer({ status, end }) {
  if (end === 'cut') return status === null ? 'cut' : `${status}, cut`
  return status === null ? '…' : String(status)
}

function showRequests({ find }, requests) {
  find('none').hidden = requests.length > 0
  const rows = requests.map(request => {
    const row = document.createElement('tr')
    const time = new Date(request.at).toLocaleTimeString(undefined, { hour12: false })
    const cells = [time, `${request.method} ${request.path}`, describeAnswer(request), request.behaviour]
    row.append(
      ...cells.map(text => {
        const cell = document.createElement('td')
        cell.textContent = text
        return cell
      }),
    )
    return row
  })
  find('rows').replaceChildren(...rows)
}

async function refreshWhole(entry) {
  const whole = await call('GET', `/upstreams/${entry.name}`)
  fillForms(entry, whole.behaviours)
  showState(entry, whole)
  showRequests(entry, whole.requests)
}

async function refresh() {
  const { upstreams } = await call('GET', '/upstreams')
  for (const upstream of upstreams) {
    const entry = cards.get(upstream.name) ?? openCard(upstream)
    showState(entry, upstream)
    if (entry.card.open) await refreshWhole(entry)
  }
}

let isLost = false

async function keepFresh() {
  try {
    if (!document.hidden) await refresh()
    if (isLost) say('The emulators answer again.')
    isLost = false
  } catch {
    if (!isLost) say('The emulators do not answer. Were they stopped?')
    isLost = true
  }
  setTimeout(keepFresh, REFRESH_MS)
}

document.querySelector('#reset-all').addEventListener('click', async () => {
  await call('POST', '/reset')
  say('Every upstream counts from zero and is back to normal.')
  await refresh()
})

// `#openai` opens that card, so that a link can lead to it.
async function start() {
  await keepFresh()
  const named = cards.get(location.hash.slice(1))
  if (named !== undefined) {
    named.card.open = true
    named.card.scrollIntoView()
  }
}

start()
