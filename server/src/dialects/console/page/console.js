// Reads the page again every few seconds and puts in what has changed. What is focused, opened, typed or marked stays
// as it is, and nothing moves that has not changed. Without this script the page is whole; it is then read anew by hand.

const everyMs = 5_000

const pause = document.getElementById('pause')
const clock = document.getElementById('clock')
let isPaused = false
let timer = 0

if (clock && pause) {
  pause.hidden = false
  pause.addEventListener('click', () => {
    isPaused = !isPaused
    pause.setAttribute('aria-pressed', String(isPaused))
    if (!isPaused) refresh()
  })
  // A page that nobody sees asks nothing; one that is looked at again is fresh at once.
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) refresh()
  })
  waitForNext()
}

function waitForNext() {
  clearTimeout(timer)
  timer = setTimeout(refresh, everyMs)
}

async function refresh() {
  clearTimeout(timer)
  if (!isPaused && !document.hidden && isFree()) {
    try {
      await readAgain()
    } catch {
      clock.classList.add('stale')
      clock.textContent = `${clock.textContent.replace(/ \(.*/, '')} (not refreshed since)`
    }
  }
  waitForNext()
}

/** Text that is being marked for copying would be lost. */
function isFree() {
  return getSelection()?.isCollapsed !== false
}

async function readAgain() {
  const answer = await fetch(location.href, { cache: 'no-store', redirect: 'error' })
  // The sign-in has ended: the form takes the page's place.
  if (answer.status === 401) return location.reload()
  if (!answer.ok) throw new Error(`answered with ${answer.status}`)
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html')
  if (!isFree()) return
  const focused = document.activeElement
  for (const part of document.querySelectorAll('[data-live]')) {
    const next = fresh.getElementById(part.id)
    if (next) bringUpToDate(part, next)
  }
  // A row that has found another place takes its focus along.
  if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true })
}

function bringUpToDate(node, next) {
  if (node.isEqualNode(next)) return
  if (node.nodeType !== Node.ELEMENT_NODE) {
    node.nodeValue = next.nodeValue
    return
  }
  // Whether it is open is the reader's choice.
  const isKept = name => name === 'open' && node.localName === 'details'
  for (const { name } of [...node.attributes])
    if (!next.hasAttribute(name) && !isKept(name)) node.removeAttribute(name)
  for (const { name, value } of next.attributes)
    if (node.getAttribute(name) !== value && !isKept(name)) node.setAttribute(name, value)
  bringChildrenUpToDate(node, next)
}

/** Children with an id are known by it; the others by their place and kind. */
function bringChildrenUpToDate(node, next) {
  const named = new Map([...node.children].filter(({ id }) => id !== '').map(child => [child.id, child]))
  let at = node.firstChild
  for (const wanted of [...next.childNodes]) {
    const known = wanted.id ? named.get(wanted.id) : isAlike(at, wanted) ? at : null
    if (!known) {
      node.insertBefore(document.importNode(wanted, true), at)
      continue
    }
    if (known === at) at = at.nextSibling
    else node.insertBefore(known, at)
    bringUpToDate(known, wanted)
  }
  while (at) {
    const next = at.nextSibling
    at.remove()
    at = next
  }
}

function isAlike(node, wanted) {
  return node !== null && node.nodeName === wanted.nodeName && !node.id && !wanted.id
}
